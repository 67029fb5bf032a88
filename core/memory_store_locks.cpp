// MemoryStore's locks: a caller that must wait does so on its own thread.
#include <algorithm>

#include "core/limits.h"
#include "core/memory_store.h"

namespace outboard {
namespace {

Error refuse(Code code, const LockQuery& query, std::string message) {
  return Error{code, std::move(message), to_string(query.inode)};
}

}  // namespace

void MemoryStore::lock(const Call& call, VolumeId volume, const LockQuery& query, LockDone done) {
  const Cancellation::Hook wake(call.given_up, [this] {
    const Lock lock(mutex_);
    advanced_.notify_all();
  });
  done(take_lock(call, volume, query));
}

Result<LockAnswer> MemoryStore::take_lock(const Call& call, VolumeId volume,
                                          const LockQuery& query) {
  const auto range = range_of(query);
  if (!range) return range.error();
  const Lock lock(mutex_);
  auto found = shelf(volume);
  if (!found) return found.error();
  Shelf& shelf = **found;
  if (auto node = shelf.tree.now().resolve(query.inode); !node) return node.error();
  MemoryLocks& locks = shelf.locks;
  locks.expire(clock_.now());
  LockAnswer answer{shelf.tree.volume().head, {}};
  if (!query.kind) {
    locks.leave_all(query);
    locks.set(query, *range, clock_.now());
    advanced_.notify_all();
    return answer;
  }
  if (query.test) {
    const auto held = locks.obstacle(query, *range, MemoryLocks::Place{0});
    if (held) answer.holder = holder_of(*held);
    return answer;
  }
  if (locks.count(query) >= kLockRangesMax) {
    return refuse(Code::too_big, query,
                  "one owner holds " + std::to_string(kLockRangesMax) +
                      " ranges of this file, the limit: lock larger ones");
  }
  if (auto waited = wait_for_lock(call, shelf, query, *range); !waited) return waited.error();
  locks.set(query, *range, clock_.now());
  advanced_.notify_all();
  answer.seq = shelf.tree.volume().head;
  return answer;
}

Status MemoryStore::wait_for_lock(const Call& call, Shelf& shelf, const LockQuery& query,
                                  const LockRange& range) {
  MemoryLocks& locks = shelf.locks;
  auto held = locks.obstacle(query, range, std::nullopt);
  if (!held) return success();
  if (!query.wait) return lock_conflict(query, *held);
  const MemoryLocks::Place place = locks.enqueue(query, range);
  Status ended = success();
  while (ended && locks.obstacle(query, range, place)) {
    if (!query.whole_file && locks.in_circle(owner_of(query))) {
      ended = refuse(Code::conflict, query,
                     "this lock and one that its owner holds would wait for each other for ever: "
                     "give up the one that is held");
      break;
    }
    const bool given_up = call.given_up && call.given_up->requested();
    const bool late = given_up || clock_.now() >= call.deadline;
    if (late) {
      ended = refuse(Code::timed_out, query, "the lock was not free before the deadline");
      break;
    }
    const Moment look_again = std::min(locks.next_expiry(), clock_.now() + kLockLookInterval);
    advanced_.wait_until(mutex_, std::min(call.deadline, look_again));
    locks.expire(clock_.now());
    if (!locks.waits(place)) {
      ended = refuse(Code::conflict, query, "the owner took the waiting lock back by an unlock");
    }
  }
  locks.leave(place);
  advanced_.notify_all();
  return ended;
}

}  // namespace outboard
