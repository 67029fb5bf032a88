// Tree: 8,000 files of the sizes and depth that skills, notes and source trees have: 57 MB.
#pragma once

#include <cstdint>
#include <string>

namespace outboard::bench {

struct TreeSize {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};

// The same each time, below `root`, which is made.
TreeSize make_tree(const std::string& root, int files);

// `files` small files in directories of `each`.
void make_flat_tree(const std::string& root, int files, int each);

}  // namespace outboard::bench
