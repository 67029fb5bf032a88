// Merging: what two writers made of one text, put together line by line. Pure.
//
// core/commit_merge asks it under the policy `merge`, when a publish was based on a version that is
// no longer current. [S35]
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace outboard {

// What can be merged: at most kMergeBytesMax bytes of UTF-8 without NUL.
bool is_mergeable(std::string_view text);

// `base` with what became of it in `mine` and in `theirs`. Lines that only one of them touched are
// taken from that one, lines that both changed alike are taken once. Nothing when both touched the
// same lines or lines next to each other in different ways, when more lines differ than
// kMergeEditsMax, or when one of them is no mergeable text.
std::optional<std::string> merge_lines(std::string_view base, std::string_view mine,
                                       std::string_view theirs);

// The name beside `name` for bytes that could not be put there: "notes.md.conflict-1f3a9c07". At
// most kNameBytesMax bytes, cut between two characters; `mark` is 1 to 20 characters.
std::string conflict_name(std::string_view name, std::string_view mark);

}  // namespace outboard
