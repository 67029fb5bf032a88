#include "core/text_diff.h"

#include <algorithm>
#include <cstddef>

#include "core/limits.h"
#include "core/line_diff.h"

namespace outboard {
namespace {

constexpr std::size_t kAround = 3;

// All that is between the lines that begin and end both.
Hunk between(const std::vector<std::string_view>& a, const std::vector<std::string_view>& b) {
  const std::size_t shorter = std::min(a.size(), b.size());
  std::size_t head = 0;
  while (head < shorter && a[head] == b[head]) ++head;
  std::size_t tail = 0;
  while (tail < shorter - head && a[a.size() - 1 - tail] == b[b.size() - 1 - tail]) ++tail;
  return Hunk{head, a.size() - tail, head, b.size() - tail};
}

std::string range_of(std::size_t first, std::size_t count) {
  return std::to_string(count == 0 ? first : first + 1) +
         (count == 1 ? "" : "," + std::to_string(count));
}

void append_line(std::string& to, const DiffLine& line) {
  to += line.sign;
  to += line.text;
  if (!line.text.ends_with('\n')) to += "\n\\ No newline at end of file\n";
}

}  // namespace

std::vector<DiffLine> diff_lines(std::string_view before, std::string_view after) {
  const std::vector<std::string_view> a = lines_of(before);
  const std::vector<std::string_view> b = lines_of(after);
  const std::vector<Hunk> hunks =
      diff_lines(a, b, kDiffEditsMax).value_or(std::vector<Hunk>{between(a, b)});
  std::vector<DiffLine> all;
  std::size_t at = 0;
  for (const Hunk& hunk : hunks) {
    for (; at < hunk.from; ++at) all.push_back({' ', a[at]});
    for (; at < hunk.to; ++at) all.push_back({'-', a[at]});
    for (std::size_t i = hunk.new_from; i < hunk.new_to; ++i) all.push_back({'+', b[i]});
  }
  for (; at < a.size(); ++at) all.push_back({' ', a[at]});
  return all;
}

std::string unified_diff(std::string_view before, std::string_view after) {
  const std::vector<DiffLine> lines = diff_lines(before, after);
  std::string text;
  std::size_t old_line = 0;
  std::size_t new_line = 0;
  for (std::size_t i = 0; i < lines.size();) {
    // A hunk ends where more than twice the surroundings are the same in both.
    std::size_t first = i;
    while (first < lines.size() && lines[first].sign == ' ') ++first;
    if (first == lines.size()) break;
    std::size_t last = first;
    for (std::size_t at = first; at < lines.size() && at - last <= 2 * kAround; ++at) {
      if (lines[at].sign != ' ') last = at;
    }
    const std::size_t begin = first - std::min(first - i, kAround);
    const std::size_t end = std::min(lines.size(), last + kAround + 1);
    old_line += begin - i;
    new_line += begin - i;
    std::size_t old_count = 0;
    std::size_t new_count = 0;
    std::string hunk;
    for (std::size_t at = begin; at < end; ++at) {
      if (lines[at].sign != '+') ++old_count;
      if (lines[at].sign != '-') ++new_count;
      append_line(hunk, lines[at]);
    }
    text += "@@ -" + range_of(old_line, old_count) + " +" + range_of(new_line, new_count) + " @@\n";
    text += hunk;
    old_line += old_count;
    new_line += new_count;
    i = end;
  }
  return text;
}

}  // namespace outboard
