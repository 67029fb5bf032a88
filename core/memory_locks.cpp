#include "core/memory_locks.h"

#include <algorithm>
#include <set>

#include "core/limits.h"

namespace outboard {

void MemoryLocks::attach(const ClientId& client) {
  ++leases_[client].subscriptions;
}

void MemoryLocks::detach(const ClientId& client, Moment now) {
  Lease& lease = leases_[client];
  if (--lease.subscriptions == 0) lease.until = now + kLockGrace;
}

bool MemoryLocks::expire(Moment now) {
  bool gone = false;
  std::erase_if(leases_, [&](const auto& item) {
    const auto& [client, lease] = item;
    if (lease.subscriptions > 0 || lease.until > now) return false;
    for (auto& [file, table] : tables_) gone = table.drop(client) || gone;
    return true;
  });
  std::erase_if(tables_, [](const auto& item) { return item.second.empty(); });
  return gone;
}

Moment MemoryLocks::next_expiry() const {
  Moment next = Moment::max();
  for (const auto& [client, lease] : leases_) {
    if (lease.subscriptions == 0) next = std::min(next, lease.until);
  }
  return next;
}

std::optional<HeldLock> MemoryLocks::obstacle(const LockQuery& query, const LockRange& range,
                                              std::optional<Place> place) const {
  const HeldLock wanted{owner_of(query), range, *query.kind};
  const File file{query.inode, query.whole_file};
  if (const auto table = tables_.find(file); table != tables_.end()) {
    if (const HeldLock* held = table->second.obstacle(wanted)) return *held;
  }
  for (const auto& [other, waiter] : queue_) {
    if (place && other >= *place) break;
    if (waiter.file != file || !in_the_way(waiter.wanted, wanted)) continue;
    // Who is waited for goes ahead of the queue, or the queue would wait for itself.
    return is_awaited(wanted.owner) ? std::nullopt : std::optional(waiter.wanted);
  }
  return std::nullopt;
}

void MemoryLocks::set(const LockQuery& query, const LockRange& range, Moment now) {
  const File file{query.inode, query.whole_file};
  if (query.kind) {
    Lease& lease = leases_[query.client];
    if (lease.subscriptions == 0) lease.until = now + kLockGrace;
  }
  tables_[file].set(owner_of(query), range, query.kind);
  if (tables_[file].empty()) tables_.erase(file);
}

std::size_t MemoryLocks::count(const LockQuery& query) const {
  const auto table = tables_.find(File{query.inode, query.whole_file});
  return table == tables_.end() ? 0 : table->second.count(owner_of(query));
}

MemoryLocks::Place MemoryLocks::enqueue(const LockQuery& query, const LockRange& range) {
  const HeldLock wanted{owner_of(query), range, *query.kind};
  queue_.emplace(++last_place_, Waiter{{query.inode, query.whole_file}, wanted});
  return last_place_;
}

void MemoryLocks::leave(Place place) {
  queue_.erase(place);
}

void MemoryLocks::leave_all(const LockQuery& query) {
  const File file{query.inode, query.whole_file};
  std::erase_if(queue_, [&](const auto& item) {
    return item.second.file == file && item.second.wanted.owner == owner_of(query);
  });
}

bool MemoryLocks::is_awaited(const LockOwner& owner) const {
  return std::any_of(queue_.begin(), queue_.end(), [&](const auto& item) {
    const auto table = tables_.find(item.second.file);
    if (table == tables_.end()) return false;
    const auto& held = table->second.held();
    return std::any_of(held.begin(), held.end(), [&](const HeldLock& lock) {
      return lock.owner == owner && in_the_way(lock, item.second.wanted);
    });
  });
}

std::vector<LockOwner> MemoryLocks::holders_for(const LockOwner& waiting) const {
  std::vector<LockOwner> holders;
  for (const auto& [place, waiter] : queue_) {
    const auto table = tables_.find(waiter.file);
    if (waiter.wanted.owner != waiting || table == tables_.end()) continue;
    for (const HeldLock& lock : table->second.held()) {
      if (in_the_way(lock, waiter.wanted)) holders.push_back(lock.owner);
    }
  }
  return holders;
}

bool MemoryLocks::in_circle(const LockOwner& owner) const {
  std::set<LockOwner> seen;
  std::vector<LockOwner> next = holders_for(owner);
  for (std::size_t round = 0; round < kLockCircleMax && !next.empty(); ++round) {
    std::vector<LockOwner> further;
    for (const LockOwner& holder : next) {
      if (holder == owner) return true;
      if (!seen.insert(holder).second) continue;
      const auto more = holders_for(holder);
      further.insert(further.end(), more.begin(), more.end());
    }
    next = std::move(further);
  }
  return false;
}

}  // namespace outboard
