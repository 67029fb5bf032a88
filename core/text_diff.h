// text_diff: how two texts differ, by lines, as `diff -u` shows it. What core/line_diff finds, for
// people. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace outboard {

// One line of both texts, of the old one only, or of the new one only.
struct DiffLine {
  char sign = ' ';        // ' ', '-', '+'
  std::string_view text;  // with its newline, which the last line may lack
};

// A shortest way from `before` to `after`. Texts that differ in more than kDiffEditsMax lines are
// shown as one removed and one added whole, between the lines that begin and end both.
std::vector<DiffLine> diff_lines(std::string_view before, std::string_view after);

// Hunks with three lines around each; empty when the texts are equal.
std::string unified_diff(std::string_view before, std::string_view after);

}  // namespace outboard
