#include "cli/safe_text.h"

#include <algorithm>
#include <utility>

#include "cli/screen.h"

namespace outboard::cli {
namespace {

// Bytes at the end that are the beginning of a longer character.
std::size_t cut_bytes(std::string_view text) {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, text.size()); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if ((byte & 0xC0U) == 0x80U) continue;
    const std::size_t needs = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    return needs > back ? back : 0;
  }
  return 0;
}

}  // namespace

std::string printable_lines(std::string_view text) {
  std::string safe;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of("\n\t"), text.size());
    safe += printable(text.substr(0, end));
    if (end == text.size()) break;
    safe += text[end];
    text.remove_prefix(end + 1);
  }
  return safe;
}

std::string SafeText::take(std::string_view part) {
  cut_ += part;
  const std::size_t whole = cut_.size() - cut_bytes(cut_);
  std::string text = printable_lines(std::string_view(cut_).substr(0, whole));
  cut_.erase(0, whole);
  return text;
}

std::string SafeText::finish() {
  return printable_lines(std::exchange(cut_, {}));
}

}  // namespace outboard::cli
