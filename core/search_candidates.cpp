#include "core/search_candidates.h"

#include <algorithm>
#include <utility>

#include "core/path.h"

namespace outboard {

void SearchCandidates::add(const std::vector<Entry>& entries) {
  for (const Entry& entry : entries) {
    const bool root = !entry.dentry.parent;
    std::string path = root ? "/" : join(directories_.at(entry.dentry.parent), entry.dentry.name);
    if (entry.node.is(Kind::directory)) {
      directories_.emplace(entry.node.inode, std::move(path));
    } else if (entry.node.is(Kind::file) && asked(path)) {
      found_.push_back(
          {std::move(path), entry.node.inode, entry.node.version, entry.node.attributes.size});
    }
  }
}

std::vector<SearchCandidate> SearchCandidates::take() {
  std::sort(found_.begin(), found_.end(),
            [](const auto& a, const auto& b) { return a.path < b.path; });
  return std::move(found_);
}

bool SearchCandidates::asked(const std::string& path) const {
  return path > query_.after &&
         std::any_of(query_.roots.begin(), query_.roots.end(),
                     [&](const std::string& root) { return is_within(path, root); });
}

}  // namespace outboard
