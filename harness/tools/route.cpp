#include "harness/tools/route.h"

#include <algorithm>

#include "core/path.h"

namespace outboard::harness {

std::optional<VolumePath> Route::find(std::string_view path) const {
  const Mapping* best = nullptr;
  for (const Mapping& mapping : mappings_) {
    if (!is_within(path, mapping.path)) continue;
    if (best == nullptr || mapping.path.size() > best->path.size()) best = &mapping;
  }
  if (best == nullptr) return std::nullopt;
  const std::string_view rest = best->path == "/" ? path : path.substr(best->path.size());
  return VolumePath{best->volume, rest.empty() ? "/" : std::string(rest), best->writable};
}

Result<std::string> normal_path(std::string_view path) {
  if (path.empty() || path.front() != '/') {
    return Error{Code::invalid, "The path " + std::string(path) +
                                    " is not an absolute path, it should start with `/`. Maybe "
                                    "you meant /" +
                                    std::string(path) + "?"};
  }
  if (path.find('\0') != std::string_view::npos) {
    return Error{Code::invalid, "The path has a NUL character in it; paths are text without one."};
  }
  std::vector<std::string_view> parts;
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view part = path.substr(at, end - at);
    at = end + 1;
    if (part == ".." && !parts.empty()) parts.pop_back();
    if (!part.empty() && part != "." && part != "..") parts.push_back(part);
  }
  std::string normal;
  for (const std::string_view part : parts) normal.append("/").append(part);
  return normal.empty() ? "/" : normal;
}

}  // namespace outboard::harness
