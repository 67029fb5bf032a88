// HeldLocks: what programs of this mount hold of the store's locks, and what the store may still
// have to be told. Values, guarded by the volume's lock.
//
// A lock whose answer was lost may be there or not: its range is `owed`, and the store is told
// again what the table says before anything else of that owner. So a lock of which nobody here
// knows is never kept.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "core/cancellation.h"
#include "core/lock_table.h"
#include "fusefs/volume/open_file.h"

namespace outboard::fusefs {

// A lock as a program asks for it.
struct LockAsk {
  NodeId node;
  HandleId handle;
  std::uint64_t owner = 0;  // the kernel's name for a process (fcntl) or an open file (flock, OFD)
  std::uint64_t start = 0;
  std::uint64_t length = 0;      // 0: to the end, wherever that will be
  std::optional<LockKind> kind;  // unset: unlock
  bool whole_file = false;       // flock's
  std::int32_t process = 0;      // of fcntl's
};

using LockReply = std::function<void(Status)>;

struct LockKey {
  Inode inode;
  bool whole_file = false;
  std::uint64_t owner = 0;
  friend auto operator<=>(const LockKey&, const LockKey&) = default;
};

// Of one owner in one file.
struct OwnerLocks {
  LockTable table;               // has only this owner
  std::set<HandleId> handles;    // through which they were taken: at their end they go
  NodeId node;                   // whose unsaved bytes they cover
  Moment since = Moment::max();  // when the oldest was asked for
  std::int32_t process = 0;
  std::vector<LockRange> owed;
  std::uint64_t unlocks = 0;  // how many there were: each takes back what waits at the store
  std::size_t waits = 0;
  bool busy = false;  // one request of an owner at a time, or the table would not be the store's
  bool lost = false;  // the lease ran out: another may hold them

  bool idle() const { return table.empty() && owed.empty() && waits == 0 && !busy; }
};

// A program that waits for others to give a lock up.
struct WaitingLock {
  LockAsk ask;
  std::shared_ptr<Cancellation> given_up;
  LockReply reply;
  std::uint64_t unlocks = 0;  // of its owner, when it was last asked for
};

using HeldLocks = std::map<LockKey, OwnerLocks>;

}  // namespace outboard::fusefs
