#include "core/ignored.h"

#include <algorithm>
#include <string>

#include "core/limits.h"
#include "core/path.h"

namespace outboard {
namespace {

std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

// A glob against a whole name. After a mismatch the last star takes one byte more: linear in
// practice, and names have 255 bytes at the most.
bool matches(std::string_view pattern, std::string_view name) {
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_took = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_took = n;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++star_took;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

Error bad_line(std::string_view line, const std::string& rule) {
  return Error{Code::invalid,
               "the pattern \"" + std::string(line) + "\" " + rule +
                   ": write names like *.swp, or a directory's like __pycache__/",
               std::string(line)};
}

}  // namespace

bool is_ignored(std::string_view patterns, std::string_view path) {
  if (patterns.empty()) return false;
  const auto names = components_of(path);
  while (!patterns.empty()) {
    std::string_view pattern = take_line(patterns);
    const bool directories_only = pattern.ends_with('/');
    if (directories_only) pattern.remove_suffix(1);
    const std::size_t count = names.size() - (directories_only && !names.empty() ? 1 : 0);
    for (std::size_t i = 0; i < count && !pattern.empty(); ++i) {
      if (matches(pattern, names[i])) return true;
    }
  }
  return false;
}

Status check_ignored(std::string_view patterns) {
  std::size_t lines = 0;
  while (!patterns.empty()) {
    const std::string_view line = take_line(patterns);
    std::string_view name = line;
    if (name.ends_with('/')) name.remove_suffix(1);
    if (name.empty()) return bad_line(line, "is empty");
    if (name.size() > kNameBytesMax) return bad_line(line.substr(0, 64), "is longer than a name");
    if (name.find('/') != std::string_view::npos) return bad_line(line, "has \"/\" within");
    if (name.find('\0') != std::string_view::npos) return bad_line("…", "has a NUL in it");
    const bool all = name.find_first_not_of("*") == std::string_view::npos;
    if (all) return bad_line(line, "would match every name");
    if (++lines > kIgnoredPatternsMax) {
      return Error{Code::invalid, "there are more than " + std::to_string(kIgnoredPatternsMax) +
                                      " patterns of ignored names: join some with \"*\""};
    }
  }
  return success();
}

}  // namespace outboard
