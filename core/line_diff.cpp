#include "core/line_diff.h"

#include <algorithm>
#include <cstdint>
#include <unordered_map>

namespace outboard {
namespace {

using Lines = std::vector<std::uint32_t>;

// Equal lines get equal numbers, so that comparing two costs the same however long they are.
class Numbering {
 public:
  Lines of(const std::vector<std::string_view>& lines) {
    Lines numbers;
    numbers.reserve(lines.size());
    for (const std::string_view line : lines) {
      const auto next = static_cast<std::uint32_t>(numbers_.size());
      numbers.push_back(numbers_.try_emplace(line, next).first->second);
    }
    return numbers;
  }

 private:
  std::unordered_map<std::string_view, std::uint32_t> numbers_;
};

// How far the furthest path with `edits` edits has come on each diagonal (old - new place), from
// -edits to edits in steps of two.
class Frontier {
 public:
  explicit Frontier(std::int64_t edits) : edits_(edits) {
    reached_.resize(static_cast<std::size_t>(edits) + 1);
  }
  std::int64_t& at(std::int64_t diagonal) { return reached_[index(diagonal)]; }
  std::int64_t at(std::int64_t diagonal) const { return reached_[index(diagonal)]; }
  bool has(std::int64_t diagonal) const { return diagonal >= -edits_ && diagonal <= edits_; }

 private:
  std::size_t index(std::int64_t diagonal) const {
    return static_cast<std::size_t>((diagonal + edits_) / 2);
  }
  std::int64_t edits_;
  std::vector<std::int64_t> reached_;
};

// Whether the best way onto `diagonal` is by a new line (from the diagonal above), not by the loss
// of an old one.
bool comes_by_new_line(const Frontier& before, std::int64_t diagonal) {
  if (!before.has(diagonal - 1)) return true;
  if (!before.has(diagonal + 1)) return false;
  return before.at(diagonal - 1) < before.at(diagonal + 1);
}

// The frontiers of 0, 1, 2 … edits until one has reached the end of both; nothing when `edits_max`
// are not enough.
std::optional<std::vector<Frontier>> search(const Lines& a, const Lines& b,
                                            std::int64_t edits_max) {
  const auto a_size = static_cast<std::int64_t>(a.size());
  const auto b_size = static_cast<std::int64_t>(b.size());
  std::vector<Frontier> frontiers;
  for (std::int64_t edits = 0; edits <= edits_max; ++edits) {
    Frontier& now = frontiers.emplace_back(edits);
    for (std::int64_t diagonal = -edits; diagonal <= edits; diagonal += 2) {
      std::int64_t x = 0;
      if (edits > 0) {
        const Frontier& before = frontiers[static_cast<std::size_t>(edits) - 1];
        x = comes_by_new_line(before, diagonal) ? before.at(diagonal + 1)
                                                : before.at(diagonal - 1) + 1;
      }
      std::int64_t y = x - diagonal;
      while (x < a_size && y < b_size && x >= 0 && y >= 0 &&
             a[static_cast<std::size_t>(x)] == b[static_cast<std::size_t>(y)]) {
        ++x;
        ++y;
      }
      now.at(diagonal) = x;
      if (x >= a_size && y >= b_size && diagonal == a_size - b_size) return frontiers;
    }
  }
  return std::nullopt;
}

// Puts one edit in front of the hunks, which are found from the last to the first.
void put_in_front(std::vector<Hunk>& backwards, std::size_t from, std::size_t to,
                  std::size_t new_from, std::size_t new_to) {
  if (!backwards.empty() && backwards.back().from == to && backwards.back().new_from == new_to) {
    backwards.back().from = from;
    backwards.back().new_from = new_from;
    return;
  }
  backwards.push_back(Hunk{from, to, new_from, new_to});
}

// Walks back from the end of both along the path that was found.
std::vector<Hunk> trace(const std::vector<Frontier>& frontiers, std::int64_t x, std::int64_t y,
                        std::size_t shift) {
  std::vector<Hunk> backwards;
  for (std::size_t edits = frontiers.size() - 1; edits > 0; --edits) {
    const Frontier& before = frontiers[edits - 1];
    const std::int64_t diagonal = x - y;
    const bool new_line = comes_by_new_line(before, diagonal);
    const std::int64_t old_x = before.at(new_line ? diagonal + 1 : diagonal - 1);
    const std::int64_t old_y = old_x - (new_line ? diagonal + 1 : diagonal - 1);
    const auto from = static_cast<std::size_t>(old_x) + shift;
    const auto new_from = static_cast<std::size_t>(old_y) + shift;
    put_in_front(backwards, from, new_line ? from : from + 1, new_from,
                 new_line ? new_from + 1 : new_from);
    x = old_x;
    y = old_y;
  }
  std::reverse(backwards.begin(), backwards.end());
  return backwards;
}

}  // namespace

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::size_t size = end == std::string_view::npos ? text.size() : end + 1;
    lines.push_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return lines;
}

std::optional<std::vector<Hunk>> diff_lines(const std::vector<std::string_view>& old_lines,
                                            const std::vector<std::string_view>& new_lines,
                                            std::size_t edits_max) {
  const std::size_t shorter = std::min(old_lines.size(), new_lines.size());
  std::size_t head = 0;
  while (head < shorter && old_lines[head] == new_lines[head]) ++head;
  std::size_t tail = 0;
  while (tail < shorter - head &&
         old_lines[old_lines.size() - 1 - tail] == new_lines[new_lines.size() - 1 - tail]) {
    ++tail;
  }
  Numbering numbering;
  const auto middle = [&](const std::vector<std::string_view>& lines) {
    return numbering.of({lines.begin() + static_cast<std::ptrdiff_t>(head),
                         lines.end() - static_cast<std::ptrdiff_t>(tail)});
  };
  const Lines a = middle(old_lines);
  const Lines b = middle(new_lines);
  const auto frontiers = search(a, b, static_cast<std::int64_t>(edits_max));
  if (!frontiers) return std::nullopt;
  return trace(*frontiers, static_cast<std::int64_t>(a.size()), static_cast<std::int64_t>(b.size()),
               head);
}

}  // namespace outboard
