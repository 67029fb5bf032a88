// View: how a mount shows a volume: where, to whom, and whether it may be written. [D13]
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/entry.h"
#include "core/limits.h"
#include "fusefs/volume/inode_table.h"

namespace outboard::fusefs {

class DiskCache;

enum class Owners : std::uint8_t {
  view,    // everything belongs to the view's uid and gid; modes lose the umask's bits
  stored,  // as stored, full POSIX
};

struct View {
  bool read_only = false;
  Owners owners = Owners::view;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t umask = 022;
  bool kernel_forgets = true;  // false: not what it is told to forget, so it may remember nothing
  // It can be told to look up every name again. False: of a volume that is loaded directory by
  // directory it may remember nothing.
  bool kernel_forgets_all = true;
  std::uint64_t tree_nodes_max = kTreeNodesMax;  // held at once; 0: no more than is in use [S61]
  std::chrono::milliseconds read_deadline = kReadDeadline;
  std::chrono::milliseconds write_deadline = kWriteDeadline;
  // Names in its root at which other views stand, in the order of their ids; an empty one is an id
  // that is used no more. [S56]
  std::vector<std::string> mountpoints = {};
  // Contents on this machine's disk; none, or it outlives the view. A successor has its own. [S65]
  DiskCache* disk_cache = nullptr;
};

// A node as stat shows it.
struct Shown {
  NodeId id;
  std::uint64_t ino = 0;
  Kind kind = Kind::file;
  Attributes attributes;
  bool settled = true;  // false: unsaved bytes, so that size and times may change unannounced
  bool lasting = true;  // false: the kernel must ask each time
};

Shown show(const View& view, const Node& node, NodeId id, std::uint32_t generation);

// Who calls, as the kernel says.
struct Requester {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

}  // namespace outboard::fusefs
