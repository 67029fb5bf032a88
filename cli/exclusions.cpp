#include "cli/exclusions.h"

#include "core/path.h"

namespace outboard::cli {

Result<Exclusions> Exclusions::compile(const std::vector<std::string>& typed) {
  Exclusions all;
  for (const std::string& one : typed) {
    const bool relative = one.find('/') != std::string::npos && !one.starts_with('/');
    auto glob = PathGlob::compile((relative ? "/" : "") + one);
    if (!glob) return glob.error();
    all.globs_.push_back(*std::move(glob));
  }
  return all;
}

bool Exclusions::take(std::string_view path) const {
  for (; path != "/" && !globs_.empty(); path = split_last(path).first) {
    for (const PathGlob& glob : globs_) {
      if (glob.takes(path)) return true;
    }
  }
  return false;
}

}  // namespace outboard::cli
