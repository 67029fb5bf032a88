// LockTable: who holds which bytes of one file, by the rules of fcntl(2); flock(2)'s locks are a
// table of their own, in which every lock is the whole file. Pure.
//
// MemoryStore keeps one for each file, server/postgres/pg_locks fills one from rows. Leases, queues
// and waiting are theirs.
//
// What always holds: two locks of one owner neither overlap nor, being of one kind, touch; two
// overlapping locks of different owners are both shared.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "core/result.h"
#include "core/store.h"

namespace outboard {

struct LockOwner {
  ClientId client;
  std::uint64_t number = 0;

  friend auto operator<=>(const LockOwner&, const LockOwner&) = default;
};

// Bytes [from, to). `to` is kLockEnd when they go on to the end, wherever that is.
struct LockRange {
  std::uint64_t from = 0;
  std::uint64_t to = 0;

  bool overlaps(const LockRange& other) const { return from < other.to && other.from < to; }
  friend auto operator<=>(const LockRange&, const LockRange&) = default;
};
// Offsets are signed in POSIX, and so they are in rows.
inline constexpr std::uint64_t kLockEnd = std::numeric_limits<std::int64_t>::max();

struct HeldLock {
  LockOwner owner;
  LockRange range;
  LockKind kind = LockKind::shared;

  friend bool operator==(const HeldLock&, const HeldLock&) = default;
};

// The range that a query means. invalid: beyond kLockEnd, or a part of a file that is locked whole.
Result<LockRange> range_of(const LockQuery& query);
LockOwner owner_of(const LockQuery& query);
// As a query names it.
LockHolder holder_of(const HeldLock& held);
// Whether the two exclude each other, being of different owners.
bool in_the_way(const HeldLock& one, const HeldLock& other);
// "somebody holds …", with the way out.
Error lock_conflict(const LockQuery& query, const HeldLock& holder);

class LockTable {
 public:
  LockTable() = default;
  explicit LockTable(std::vector<HeldLock> held) : held_(std::move(held)) {}

  // A lock of another owner that excludes `wanted`; nothing: it can be had.
  const HeldLock* obstacle(const HeldLock& wanted) const;
  // The owner's bytes in the range become `kind`, or free: what it held there is split, joined,
  // raised or lowered. REQUIRES: obstacle() is nothing.
  void set(const LockOwner& owner, const LockRange& range, std::optional<LockKind> kind);
  // All of a client's are gone. True: it had some.
  bool drop(const ClientId& client);
  std::size_t count(const LockOwner& owner) const;

  // In no order that means anything.
  const std::vector<HeldLock>& held() const { return held_; }
  bool empty() const { return held_.empty(); }

 private:
  std::vector<HeldLock> held_;
};

}  // namespace outboard
