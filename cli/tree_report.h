// How push and pull tell what they do: a line for each file in a dry run, conflicts, a last line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/context.h"

namespace outboard::cli {

struct TreeConflict {
  std::string path;
  std::string why;  // "was changed there since the last pull"
};

// "  + /a/b.md  1.2 KiB"; `sign` is +, ~, - or !.
std::string tree_line(const Screen& screen, char sign, std::string_view path,
                      std::string_view note);

// The conflicts, the first few of many, on standard error; and the refusal. `way_out` ends it.
Error refuse_conflicts(Screen& screen, const std::vector<TreeConflict>& conflicts,
                       std::string_view way_out);

// "3 added, 1 changed, 2 up to date": parts that are 0 are left out.
class TreeCounts {
 public:
  void add(std::uint64_t count, std::string_view what);
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// "0.31 s".
std::string seconds_since(const Context& context, Moment start);

}  // namespace outboard::cli
