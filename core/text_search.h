// Text search: the lines of one text that a pattern matches. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/pattern.h"
#include "core/search.h"

namespace outboard {

// How much of one file is wanted.
struct TextLimits {
  std::uint64_t matches_max = 0;  // lines; SearchedFile::more says that there are others
  std::uint32_t context = 0;
  SearchShow show = SearchShow::lines;
};

// A NUL byte within.
bool is_binary(std::string_view text);

// Matches, lines and `more`; path, inode and version are the caller's. Nothing: no match.
std::optional<SearchedFile> search_text(const Pattern& pattern, std::string_view text,
                                        const TextLimits& limits);

}  // namespace outboard
