// LineDiff: which lines of a text became which of another. Myers' greedy algorithm, bounded.
//
// merge_lines() asks it twice: base → mine, base → theirs; core/text_diff shows what it finds.
// Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace outboard {

// Lines [from, to) of the old text became lines [new_from, new_to) of the new one. Either may be
// empty, not both.
struct Hunk {
  std::size_t from = 0;
  std::size_t to = 0;
  std::size_t new_from = 0;
  std::size_t new_to = 0;

  friend bool operator==(const Hunk&, const Hunk&) = default;
};

// With their line ends; the last may have none. An empty text has no lines.
std::vector<std::string_view> lines_of(std::string_view text);

// The hunks between two texts in order, with at least one common line between any two of them.
// Nothing when more than `edits_max` lines would have to go or come.
std::optional<std::vector<Hunk>> diff_lines(const std::vector<std::string_view>& old_lines,
                                            const std::vector<std::string_view>& new_lines,
                                            std::size_t edits_max);

}  // namespace outboard
