// GroupNames: what the batches of a group name, so that one round trip can fetch all of it. Pure.
#pragma once

#include <set>
#include <string>

#include "core/entry.h"
#include "core/op.h"

namespace outboard::server {

struct GroupNames {
  std::set<Inode> inodes;       // given by number; their directories up to the root are wanted too
  std::set<Dentry> names;       // in directories given by number
  std::set<std::string> paths;  // with every path above them
  std::set<Inode> contents;     // files whose bytes an edit may start from
  std::set<std::string> content_paths;

  void add(const Batch& batch);
  bool empty() const { return inodes.empty() && names.empty() && paths.empty(); }
};

}  // namespace outboard::server
