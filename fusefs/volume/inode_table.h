// InodeTable: which node id of the kernel stands for which content lineage of which inode.
//
// A remote overwrite retires an inode's id: the id stays bound to the old version (`pinned`) until
// the kernel forgets it, and the next lookup gets a new id and a new st_ino. So the kernel sees an
// atomic rename-over, and open descriptors keep the old bytes. [S1]
//
// What always holds: at most one id of an inode is current; an id is never given twice; a binding
// lives while the kernel knows it (lookups) or a handle needs it (holds). Guarded by the volume's
// lock. Plain values only, so that a table can be handed to another daemon.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/entry.h"
#include "fusefs/volume/invalidator.h"

namespace outboard::fusefs {

struct Binding {
  NodeId id;
  Inode inode;
  std::uint32_t generation = 0;  // of content, as st_ino shows it
  std::uint64_t lookups = 0;     // the kernel's count
  std::uint32_t holds = 0;       // handles and unsaved bytes
  std::optional<Node> pinned;    // retired: what it shows for ever; links 0
  bool removed_here = false;     // its last name was removed through this mount
  Dentry last_name;              // where it stood when it was retired
  std::shared_ptr<std::atomic<bool>>
      announced;  // retired: whether the kernel has dropped its names
};

// st_ino: the low 44 bits are the inode, the rest counts remote overwrites (modulo 2^20).
std::uint64_t shown_ino(Inode inode, std::uint32_t generation);

class InodeTable {
 public:
  InodeTable();

  // 0: the kernel does not know the inode.
  NodeId current(Inode inode) const;
  // Whether any id stands for it, be it retired or current.
  bool refers(Inode inode) const { return inodes_.contains(inode); }
  // Inodes for which no id stands any more, since the last call.
  std::vector<Inode> take_unused() { return std::exchange(unused_, {}); }
  // The inode's current id, made if there is none, with one more lookup. Its generation is at
  // least the given one, and higher than that of a retired id that is still here.
  NodeId look_up(Inode inode, std::uint32_t generation);
  // One more lookup of that id, current or retired; false: the kernel does not know it any more.
  bool look_up_again(NodeId id);
  Binding* find(NodeId id);
  const Binding* find(NodeId id) const;
  void forget(NodeId id, std::uint64_t lookups);
  void hold(NodeId id);
  void release(NodeId id);
  // Binds the inode's current id to `pinned` for ever. Nothing when there was no current id.
  Binding* retire(Inode inode, Node pinned);
  // Makes a retired id the inode's current one again; false when another is.
  bool revive(NodeId id);

  std::size_t size() const { return bindings_.size(); }
  std::vector<Binding> rows() const;
  void restore(const std::vector<Binding>& rows, NodeId next);
  NodeId next() const { return next_; }

 private:
  // While an id stands for the inode.
  struct Known {
    std::uint32_t ids = 0;
    std::uint32_t generation = 0;  // the least that a new id may have
  };
  void add(Binding binding);
  void drop_if_unused(NodeId id);

  std::unordered_map<NodeId, Binding> bindings_;
  std::unordered_map<Inode, Known> inodes_;
  std::vector<Inode> unused_;
  std::unordered_map<Inode, NodeId> current_;
  NodeId next_{2};
};

}  // namespace outboard::fusefs
