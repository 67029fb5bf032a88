// PartFilter: of a snapshot's parts what lies at, below or on the way to some paths.
//
// For stores that have no shorter way to them. Parts come in the snapshot's order, parents before
// their children. Used by one thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/store.h"

namespace outboard {

class PartFilter {
 public:
  // `within` as in SnapshotQuery: empty lets everything through. It must outlive this.
  explicit PartFilter(const std::vector<std::string>& within) : within_(within) {}

  // Leaves in `part` what is asked for: entries, and the bodies of those.
  void apply(SnapshotPart& part);

 private:
  bool asked(const Entry& entry, const std::string& path) const;

  const std::vector<std::string>& within_;
  std::map<Inode, std::string> directories_;
};

}  // namespace outboard
