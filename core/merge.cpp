#include "core/merge.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/limits.h"
#include "core/line_diff.h"

namespace outboard {
namespace {

// Bytes of the character that `text` begins with; 0: it begins with none of UTF-8, or with NUL.
std::size_t character_size(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  if (first < 0x80) return first == 0 ? 0 : 1;
  const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < size) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return 0;
  }
  const bool overlong = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xF0 && byte(1) < 0x90);
  const bool surrogate = first == 0xED && byte(1) > 0x9F;
  const bool beyond = first == 0xF4 && byte(1) > 0x8F;
  return overlong || surrogate || beyond ? 0 : size;
}

// One side's text with its hunks, read along the base.
class Side {
 public:
  Side(std::vector<std::string_view> lines, std::vector<Hunk> hunks)
      : lines_(std::move(lines)), hunks_(std::move(hunks)) {}

  // Where the next change begins in the base.
  std::size_t next() const { return at_ < hunks_.size() ? hunks_[at_].from : SIZE_MAX; }
  // Takes every hunk that touches [from, to) of the base into it; whether `to` grew.
  bool take_touching(std::size_t& to) {
    bool grew = false;
    while (at_ < hunks_.size() && hunks_[at_].from <= to) {
      grew = grew || hunks_[at_].to > to;
      to = std::max(to, hunks_[at_].to);
      ++at_;
    }
    return grew;
  }
  // Begins a region at base line `from`.
  void begin() { first_ = at_; }
  bool changed() const { return at_ > first_; }
  // What this side made of the lines [from, to) of the base, by the hunks taken since begin().
  std::string text(const std::vector<std::string_view>& base, std::size_t from,
                   std::size_t to) const {
    std::string text;
    for (std::size_t i = first_; i < at_; ++i) {
      for (; from < hunks_[i].from; ++from) text.append(base[from]);
      for (std::size_t line = hunks_[i].new_from; line < hunks_[i].new_to; ++line) {
        text.append(lines_[line]);
      }
      from = hunks_[i].to;
    }
    for (; from < to; ++from) text.append(base[from]);
    return text;
  }

 private:
  std::vector<std::string_view> lines_;
  std::vector<Hunk> hunks_;
  std::size_t at_ = 0;
  std::size_t first_ = 0;
};

std::optional<std::string> merge_sides(const std::vector<std::string_view>& base, Side& mine,
                                       Side& theirs) {
  std::string merged;
  std::size_t done = 0;  // lines of the base
  for (;;) {
    const std::size_t from = std::min(mine.next(), theirs.next());
    for (; done < std::min(from, base.size()); ++done) merged.append(base[done]);
    if (from == SIZE_MAX) return merged;
    mine.begin();
    theirs.begin();
    std::size_t to = from;
    mine.take_touching(to);
    theirs.take_touching(to);
    while (mine.take_touching(to) || theirs.take_touching(to)) {
    }
    const std::string my_text = mine.text(base, from, to);
    const std::string their_text = theirs.text(base, from, to);
    if (mine.changed() && theirs.changed() && my_text != their_text) return std::nullopt;
    merged.append(mine.changed() ? my_text : their_text);
    done = to;
  }
}

}  // namespace

bool is_mergeable(std::string_view text) {
  if (text.size() > kMergeBytesMax) return false;
  while (!text.empty()) {
    const std::size_t size = character_size(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

std::optional<std::string> merge_lines(std::string_view base, std::string_view mine,
                                       std::string_view theirs) {
  for (const std::string_view text : {base, mine, theirs}) {
    if (!is_mergeable(text)) return std::nullopt;
  }
  const auto base_lines = lines_of(base);
  auto my_lines = lines_of(mine);
  auto their_lines = lines_of(theirs);
  auto my_hunks = diff_lines(base_lines, my_lines, kMergeEditsMax);
  if (!my_hunks) return std::nullopt;
  auto their_hunks = diff_lines(base_lines, their_lines, kMergeEditsMax);
  if (!their_hunks) return std::nullopt;
  Side my_side(std::move(my_lines), *std::move(my_hunks));
  Side their_side(std::move(their_lines), *std::move(their_hunks));
  return merge_sides(base_lines, my_side, their_side);
}

std::string conflict_name(std::string_view name, std::string_view mark) {
  constexpr std::string_view kWord = ".conflict-";
  std::size_t size = std::min(name.size(), kNameBytesMax - kWord.size() - mark.size());
  const auto inside = [&] { return (static_cast<std::uint8_t>(name[size]) & 0xC0U) == 0x80; };
  if (size < name.size()) {
    // A name that is no UTF-8 may consist of such bytes only: it is cut where it must be.
    for (int back = 0; back < 3 && size > 1 && inside(); ++back) --size;
  }
  return std::string(name.substr(0, size)).append(kWord).append(mark);
}

}  // namespace outboard
