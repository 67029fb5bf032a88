// search: lines of a volume's files that match, as grep shows them.
#pragma once

#include <cstdint>
#include <string>

#include "cli/context.h"
#include "core/search.h"

namespace outboard::cli {

struct SearchOptions {
  std::string place;  // VOLUME[:PATH]
  std::string pattern;
  std::string glob;
  bool literal = false;
  bool words = false;
  bool ignore_case = false;
  bool files = false;
  bool counts = false;
  std::uint32_t context = 0;
  std::uint32_t matches_max = 1'000;
  std::uint32_t per_file_max = 0;
};

// Goes on where a search was cut, until all was searched or `matches_max` is reached; says which.
Status search_volume(Context& context, const SearchOptions& options);

}  // namespace outboard::cli
