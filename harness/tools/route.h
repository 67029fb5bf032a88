// Route: which path lives where. /skills and /memory are volumes of the store, the rest is the
// sandbox's. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace outboard::harness {

// "/memory" shows "acme/memory".
struct Mapping {
  std::string path;
  std::string volume;
  bool writable = false;
};

// A path of a volume.
struct VolumePath {
  std::string volume;
  std::string path;  // within it, "/" for its root
  bool writable = false;
};

class Route {
 public:
  explicit Route(std::vector<Mapping> mappings) : mappings_(std::move(mappings)) {}

  // Nothing: the sandbox's. The longest mapping wins: /memory/me before /memory.
  // REQUIRES: `path` is as normal_path answers.
  std::optional<VolumePath> find(std::string_view path) const;
  const std::vector<Mapping>& mappings() const { return mappings_; }

 private:
  std::vector<Mapping> mappings_;
};

// Absolute, without "." and "..", doubled or trailing slashes: "/skills/../memory/" is "/memory".
// invalid: not absolute, or a NUL in it.
Result<std::string> normal_path(std::string_view path);

}  // namespace outboard::harness
