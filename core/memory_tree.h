// MemoryTree: the nodes and names of one moment, as maps: a volume as it is now, or as it was.
//
// Private to MemoryVolume and MemoryStore, which guard it. follow() is the log read as a tree: what
// a store remembers of its past can be no more than what its changes say. [S28]
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "core/store.h"
#include "core/working_set.h"

namespace outboard {

struct MemoryTree {
  std::map<Inode, StoredNode> nodes;  // removed ones too, with links 0
  std::map<Dentry, Inode> names;

  // Only the root, made at `now`.
  static MemoryTree empty(Timestamp now);

  // Removed ones too; nullptr: there was never one of that number.
  const Node* find_node(Inode inode) const;
  // not_found, not_directory. Symlinks are not followed.
  Result<Inode> resolve(const NodeRef& ref) const;
  Result<Entry> entry_at(const NameRef& name) const;
  Page page(Inode directory, std::string_view after, std::uint32_t limit) const;
  // All entries, parents first.
  std::vector<Entry> entries() const;

  // Makes the tree what it was behind `change`, the next one. The times and links of directories
  // follow from it.
  void follow(const Change& change);
  void drop_removed_nodes();

 private:
  Result<Inode> walk(std::string_view path) const;
  void touch(Inode directory, Timestamp at, int links);
  void follow_displaced(const Change& change);
};

}  // namespace outboard
