#include "core/part_filter.h"

#include <algorithm>
#include <set>

#include "core/path.h"

namespace outboard {

bool PartFilter::asked(const Entry& entry, const std::string& path) const {
  return std::any_of(within_.begin(), within_.end(), [&](const std::string& prefix) {
    const bool above = entry.node.is(Kind::directory) && is_within(prefix, path);
    return above || is_within(path, prefix);
  });
}

void PartFilter::apply(SnapshotPart& part) {
  if (within_.empty()) return;
  std::set<Inode> kept;
  std::erase_if(part.entries, [&](const Entry& entry) {
    const auto above = directories_.find(entry.dentry.parent);
    const bool root = !entry.dentry.parent;
    if (!root && above == directories_.end()) return true;  // below what is not asked for
    const std::string path = root ? "/" : join(above->second, entry.dentry.name);
    if (!asked(entry, path)) return true;
    if (entry.node.is(Kind::directory)) directories_.emplace(entry.node.inode, path);
    kept.insert(entry.node.inode);
    return false;
  });
  std::erase_if(part.bodies, [&](const auto& body) { return !kept.contains(body.first.inode); });
}

}  // namespace outboard
