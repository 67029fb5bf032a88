// MemoryLocks: the locks of one volume of a MemoryStore, with their queue and their leases.
//
// Guarded by the store's lock. A caller that has to wait keeps its place in the queue, and asks
// again whenever something has changed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/lock_table.h"

namespace outboard {

class MemoryLocks {
 public:
  using Place = std::uint64_t;

  // A client's subscriptions: its locks last while it has one, and kLockGrace beyond.
  void attach(const ClientId& client);
  void detach(const ClientId& client, Moment now);

  // Ends the leases that have run out. True: locks went with them.
  bool expire(Moment now);
  // When the next lease runs out, if nobody renews it.
  Moment next_expiry() const;

  // What is in the way of the query: a holder, or (with a place of its own) who came before.
  // Nothing: set() may be called. REQUIRES: query.kind.
  std::optional<HeldLock> obstacle(const LockQuery& query, const LockRange& range,
                                   std::optional<Place> place) const;
  // The owner's range becomes what the query says. REQUIRES: obstacle() is nothing, or an unlock.
  void set(const LockQuery& query, const LockRange& range, Moment now);
  std::size_t count(const LockQuery& query) const;

  Place enqueue(const LockQuery& query, const LockRange& range);
  void leave(Place place);
  // Takes back what the owner waits for in this file.
  void leave_all(const LockQuery& query);
  bool waits(Place place) const { return queue_.contains(place); }
  // Whether the owner would wait for itself: through who holds what, and what they wait for.
  bool in_circle(const LockOwner& owner) const;

 private:
  using File = std::pair<Inode, bool>;  // and whether it is flock's table
  struct Waiter {
    File file;
    HeldLock wanted;
  };
  struct Lease {
    std::size_t subscriptions = 0;
    Moment until{};  // when it has none
  };

  bool is_awaited(const LockOwner& owner) const;
  std::vector<LockOwner> holders_for(const LockOwner& waiting) const;

  std::map<File, LockTable> tables_;
  std::map<Place, Waiter> queue_;
  std::map<ClientId, Lease> leases_;
  Place last_place_ = 0;
};

}  // namespace outboard
