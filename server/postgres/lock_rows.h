// LockRows: one try to take, change or give up a lock, as one transaction over a file's rows.
//
// PgLocks → attempt_lock() → two round trips: what is held and who waits, then what becomes of it.
// The file's advisory lock keeps others out meanwhile, in whichever server they are; the rules are
// core/lock_table's. Leases are decided by the database's clock. [S36]
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "core/call.h"
#include "core/lock_table.h"
#include "server/postgres/connection.h"

namespace outboard::server {

// A file's locks of one namespace.
struct LockFile {
  VolumeId volume;
  Inode inode;
  bool whole_file = false;

  friend auto operator<=>(const LockFile&, const LockFile&) = default;
};

// A place in the queue of a file, in order.
using LockPlace = std::uint64_t;

// A lock that somebody wants, with its place once it waits.
struct WantedLock {
  Call call;
  LockFile file;
  LockQuery query;
  LockRange range;
  LockPlace place = 0;  // 0: none yet
};

struct LockTry {
  std::optional<LockAnswer> answer;  // it is done
  LockPlace place = 0;               // it waits here; when there is no answer
  bool others_wait = false;          // some of them may have their turn now
};

// conflict: somebody is in the way, and the query does not wait. no_access: the client is another
// principal's. not_found. The connection is left without a transaction, or broken.
Result<LockTry> attempt_lock(Connection& connection, const WantedLock& wanted,
                             std::chrono::milliseconds grace);

// Of the places in `ours`, which may have their turn, as far as one look can tell. With `thorough`
// also some that stand behind others: who is waited for elsewhere goes ahead of the queue.
Result<std::vector<LockPlace>> turns(Connection& connection, const LockFile& file,
                                     const std::set<LockPlace>& ours, bool thorough,
                                     Moment deadline);

// Whether the owner waits, through who holds what, for itself.
Result<bool> in_circle(Connection& connection, const LockOwner& owner, Moment deadline);

Status leave_queue(Connection& connection, const std::vector<LockPlace>& places, Moment deadline);
// The places stay the callers' for kLockPlaceFor.
Status keep_places(Connection& connection, const std::vector<LockPlace>& places, Moment deadline);
// Frees what clients of ended leases hold in any of the files: those where something was freed.
Result<std::vector<LockFile>> free_ended(Connection& connection, const std::set<LockFile>& files,
                                         Moment deadline);

// What a bell says of a file, and back; nothing when it is no such bell.
std::string bell_of(const LockFile& file);
std::optional<LockFile> file_of_bell(std::string_view payload);

}  // namespace outboard::server
