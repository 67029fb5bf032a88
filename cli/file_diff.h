// One file at two points of its life, line by line: what `diff` and `skills diff` print.
#pragma once

#include <optional>

#include "cli/context.h"
#include "cli/tree_diff.h"
#include "core/store.h"

namespace outboard::cli {

// Whether it is something that print_file_diff() has lines of.
bool has_lines(const std::optional<Node>& node);

// Brings both contents, of which either may be nothing, and prints them as `diff -u` does. What is
// no text, too large, not kept any more or redacted is said to be so.
Status print_file_diff(Context& context, Store& store, const Volume& volume,
                       const Difference& change);

}  // namespace outboard::cli
