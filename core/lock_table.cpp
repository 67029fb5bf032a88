#include "core/lock_table.h"

#include <algorithm>

namespace outboard {

Result<LockRange> range_of(const LockQuery& query) {
  if (!query.client) {
    return Error{Code::invalid, "a lock belongs to a process: say which client it is for",
                 to_string(query.inode)};
  }
  const bool whole = query.start == 0 && query.length == 0;
  if (query.start >= kLockEnd || query.length > kLockEnd - query.start ||
      (query.whole_file && !whole)) {
    return Error{Code::invalid,
                 "a lock of " + std::to_string(query.length) + " bytes from " +
                     std::to_string(query.start) +
                     (query.whole_file ? ": a whole file is locked from 0, with length 0"
                                       : " goes beyond the largest offset: 2^63 - 2"),
                 to_string(query.inode)};
  }
  return LockRange{query.start, query.length == 0 ? kLockEnd : query.start + query.length};
}

LockOwner owner_of(const LockQuery& query) {
  return LockOwner{query.client, query.owner};
}

LockHolder holder_of(const HeldLock& held) {
  const std::uint64_t length = held.range.to == kLockEnd ? 0 : held.range.to - held.range.from;
  return LockHolder{held.owner.client, held.owner.number, held.range.from, length, held.kind};
}

bool in_the_way(const HeldLock& one, const HeldLock& other) {
  return one.owner != other.owner && one.range.overlaps(other.range) &&
         (one.kind == LockKind::exclusive || other.kind == LockKind::exclusive);
}

Error lock_conflict(const LockQuery& query, const HeldLock& holder) {
  const bool exclusive = holder.kind == LockKind::exclusive;
  return Error{Code::conflict,
               "another holds " + std::string(exclusive ? "an exclusive" : "a shared") +
                   " lock on bytes of inode " + to_string(query.inode) +
                   ": wait for it, or try again later",
               to_string(query.inode)};
}

const HeldLock* LockTable::obstacle(const HeldLock& wanted) const {
  const auto found = std::find_if(held_.begin(), held_.end(),
                                  [&](const HeldLock& held) { return in_the_way(held, wanted); });
  return found == held_.end() ? nullptr : &*found;
}

void LockTable::set(const LockOwner& owner, const LockRange& range, std::optional<LockKind> kind) {
  LockRange joined = range;
  std::vector<HeldLock> kept;
  kept.reserve(held_.size() + 2);
  for (const HeldLock& held : held_) {
    const bool touches = held.range.from <= range.to && range.from <= held.range.to;
    if (held.owner != owner || !touches) {
      kept.push_back(held);
      continue;
    }
    if (kind && held.kind == *kind) {
      joined.from = std::min(joined.from, held.range.from);
      joined.to = std::max(joined.to, held.range.to);
      continue;
    }
    // What stands out on either side stays as it was.
    if (held.range.from < range.from) {
      kept.push_back({owner, {held.range.from, std::min(held.range.to, range.from)}, held.kind});
    }
    if (held.range.to > range.to) {
      kept.push_back({owner, {std::max(held.range.from, range.to), held.range.to}, held.kind});
    }
  }
  if (kind) kept.push_back({owner, joined, *kind});
  held_ = std::move(kept);
}

bool LockTable::drop(const ClientId& client) {
  return std::erase_if(held_, [&](const HeldLock& held) { return held.owner.client == client; }) >
         0;
}

std::size_t LockTable::count(const LockOwner& owner) const {
  return static_cast<std::size_t>(std::count_if(
      held_.begin(), held_.end(), [&](const HeldLock& held) { return held.owner == owner; }));
}

}  // namespace outboard
