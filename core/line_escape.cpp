#include "core/line_escape.h"

#include <cstddef>

namespace outboard {

std::string escape_line(std::string_view text) {
  std::string line;
  for (const char c : text) {
    if (c == '\n') line += "\\n";
    if (c == '\\') line += "\\\\";
    if (c != '\n' && c != '\\') line += c;
  }
  return line;
}

std::string unescape_line(std::string_view line) {
  std::string text;
  for (std::size_t at = 0; at < line.size(); ++at) {
    const bool sign = line[at] == '\\' && at + 1 < line.size();
    if (sign) ++at;
    text += sign && line[at] == 'n' ? '\n' : line[at];
  }
  return text;
}

}  // namespace outboard
