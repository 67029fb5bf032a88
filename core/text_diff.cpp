#include "core/text_diff.h"

#include <algorithm>
#include <cstdint>

#include "core/limits.h"

namespace outboard {
namespace {

constexpr std::size_t kAround = 3;

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return lines;
}

using Lines = std::vector<std::string_view>;

// Myers' greedy search: `reach[k]` is the furthest line of `a` that `edits` edits come to on the
// diagonal k. What each round reached is kept, to walk back on.
class Search {
 public:
  Search(const Lines& a, const Lines& b) : a_(a), b_(b) {}

  // The lines in order; false when it would take too many edits.
  bool run(std::vector<DiffLine>& out) {
    const auto most = static_cast<std::int64_t>(std::min(a_.size() + b_.size(), kDiffEditsMax));
    std::vector<std::int64_t> reach(static_cast<std::size_t>(2 * most + 3), 0);
    for (std::int64_t edits = 0; edits <= most; ++edits) {
      rounds_.emplace_back(reach.begin() + (most + 1 - edits), reach.begin() + (most + 2 + edits));
      for (std::int64_t k = -edits; k <= edits; k += 2) {
        const auto at = [&](std::int64_t diagonal) -> std::int64_t& {
          return reach[static_cast<std::size_t>(most + 1 + diagonal)];
        };
        const bool down = k == -edits || (k != edits && at(k - 1) < at(k + 1));
        std::int64_t x = down ? at(k + 1) : at(k - 1) + 1;
        if (edits == 0) x = 0;
        while (same(x, x - k)) ++x;
        at(k) = x;
        if (x >= size(a_) && x - k >= size(b_)) {
          walk_back(edits, out);
          return true;
        }
      }
    }
    return false;
  }

 private:
  static std::int64_t size(const Lines& lines) { return static_cast<std::int64_t>(lines.size()); }
  std::string_view line(const Lines& lines, std::int64_t at) const {
    return lines[static_cast<std::size_t>(at)];
  }
  bool same(std::int64_t x, std::int64_t y) const {
    return x < size(a_) && y < size(b_) && line(a_, x) == line(b_, y);
  }

  void walk_back(std::int64_t edits, std::vector<DiffLine>& out) {
    std::int64_t x = size(a_);
    std::int64_t y = size(b_);
    for (; edits > 0; --edits) {
      const auto& reach = rounds_[static_cast<std::size_t>(edits)];
      const auto at = [&](std::int64_t k) { return reach[static_cast<std::size_t>(k + edits)]; };
      const std::int64_t k = x - y;
      const bool down = k == -edits || (k != edits && at(k - 1) < at(k + 1));
      const std::int64_t from = down ? k + 1 : k - 1;
      const std::int64_t from_x = at(from);
      const std::int64_t from_y = from_x - from;
      while (x > (down ? from_x : from_x + 1)) {
        --x;
        --y;
        out.push_back({' ', line(a_, x)});
      }
      if (down) out.push_back({'+', line(b_, --y)});
      if (!down) out.push_back({'-', line(a_, --x)});
      x = from_x;
      y = from_y;
    }
    while (x > 0) out.push_back({' ', line(a_, --x)});
    std::reverse(out.begin(), out.end());
  }

  const Lines& a_;
  const Lines& b_;
  std::vector<std::vector<std::int64_t>> rounds_;  // as each found them: diagonals -edits..edits
};

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
  Lines a = lines_of(before);
  Lines b = lines_of(after);
  std::size_t head = 0;
  while (head < std::min(a.size(), b.size()) && a[head] == b[head]) ++head;
  std::size_t tail = 0;
  while (tail < std::min(a.size(), b.size()) - head &&
         a[a.size() - 1 - tail] == b[b.size() - 1 - tail]) {
    ++tail;
  }
  const auto middle = [&](const Lines& all) {
    return Lines(all.begin() + static_cast<std::ptrdiff_t>(head),
                 all.end() - static_cast<std::ptrdiff_t>(tail));
  };
  const Lines a_middle = middle(a);
  const Lines b_middle = middle(b);
  std::vector<DiffLine> found;
  if (!Search(a_middle, b_middle).run(found)) {
    found.clear();
    for (const std::string_view line : a_middle) found.push_back({'-', line});
    for (const std::string_view line : b_middle) found.push_back({'+', line});
  }
  std::vector<DiffLine> all;
  for (std::size_t i = 0; i < head; ++i) all.push_back({' ', a[i]});
  all.insert(all.end(), found.begin(), found.end());
  for (std::size_t i = a.size() - tail; i < a.size(); ++i) all.push_back({' ', a[i]});
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
