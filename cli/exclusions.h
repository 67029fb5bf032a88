// Exclusions: what a push or a pull passes over, as people type it: "*.log", "build/**".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/path_glob.h"

namespace outboard::cli {

class Exclusions {
 public:
  Exclusions() = default;
  // Globs of names or, with "/" in them, of paths from the tree's top. invalid: one is none.
  static Result<Exclusions> compile(const std::vector<std::string>& typed);

  // Whether the path, or a directory above it, is excluded. Paths are from the tree's top.
  bool take(std::string_view path) const;

 private:
  std::vector<PathGlob> globs_;
};

}  // namespace outboard::cli
