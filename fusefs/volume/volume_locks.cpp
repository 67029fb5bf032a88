// Locks across mounts: flock, fcntl and OFD locks, as the store keeps them. [S54]
//
// kernel/ops_locks → try_lock: publish, ask the store, catch up, rebase → granted, or await_lock:
// the store answers when it is free → a thread "lock" → the same → the program's answer.
//
// Locks carry data. Before one changes, the file's unsaved bytes are published. When one was taken,
// the mount passes a barrier to the seq that the store named, and the file shows what is there,
// also through descriptors that were opened before: a node id that was retired meanwhile takes up
// the current content, and one through which a lock is held keeps its number from then on and gets
// others' changes in place. SQLite compares st_ino of its descriptor with that of the path.
#include "core/await_lock.h"
#include "core/log.h"
#include "fusefs/volume/doubt.h"
#include "fusefs/volume/request_scope.h"
#include "fusefs/volume/volume.h"

namespace outboard::fusefs {
namespace {

constexpr LockRange kWholeFile{0, kLockEnd};
// How often bytes that are written while a lock is taken may get in its way.
constexpr int kRebaseTries = 3;

LockRange range_of_ask(const LockAsk& ask) {
  return {ask.start, ask.length == 0 ? kLockEnd : ask.start + ask.length};
}

Error lost_lock(Inode inode) {
  return Error{Code::corrupt,
               "the lock was lost: the server was out of reach for longer than its lease; what was "
               "written under it is kept beside the file when it is closed",
               to_string(inode)};
}

}  // namespace

LockQuery MountedVolume::query_of(const LockKey& key, const LockRange& range,
                                  std::optional<LockKind> kind) const {
  LockQuery query;
  query.inode = key.inode;
  query.client = numbers_.client();
  query.owner = key.owner;
  query.whole_file = key.whole_file;
  query.start = range.from;
  query.length = range.to == kLockEnd ? 0 : range.to - range.from;
  query.kind = kind;
  return query;
}

LockOwner MountedVolume::here(const LockKey& key) const {
  return {numbers_.client(), key.owner};
}

Result<LockKey> MountedVolume::key_of(const LockAsk& ask) const {
  LockQuery query;
  query.client = numbers_.client();
  query.start = ask.start;
  query.length = ask.length;
  query.whole_file = ask.whole_file;
  if (auto range = range_of(query); !range) return range.error();
  Lock lock(mutex_);
  const auto inode = inode_of(ask.node);
  if (!inode) return inode.error();
  return LockKey{*inode, ask.whole_file, ask.owner};
}

Result<bool> MountedVolume::try_lock(const LockAsk& ask) {
  const auto key = key_of(ask);
  if (!key) return key.error();
  note_lease();
  auto published = publish(ask.node, Extent::everything);
  if (!published && ask.kind) return std::move(published).error();
  const Moment deadline = write_deadline();
  if (auto turn = begin_lock_turn(*key, deadline); !turn) return std::move(turn).error();
  auto granted = published || is_lost(*key) ? change_lock(*key, ask, deadline)
                                            : Result<bool>(published.error());
  end_lock_turn(*key);
  if (granted && !published) return std::move(published).error();
  return granted;
}

Result<bool> MountedVolume::change_lock(const LockKey& key, const LockAsk& ask, Moment deadline) {
  const LockRange range = range_of_ask(ask);
  {
    Lock lock(mutex_);
    OwnerLocks& held = state_.locks[key];
    if (held.lost && ask.kind) return lost_lock(key.inode);
    if (held.lost) {  // the store has forgotten it, or soon will
      held.table.set(here(key), range, std::nullopt);
      held.lost = !held.table.empty();
      held.owed.push_back(range);
      state_.owed_due = clock_.now();
      if (wake_) wake_();
      return true;
    }
  }
  if (!settle(key, deadline)) {
    return Error{Code::timed_out, "the store did not say in time what is locked", {}};
  }
  const Moment asked = clock_.now();
  auto answer =
      await_lock(store_, RequestScope::call(deadline), volume_.id, query_of(key, range, ask.kind));
  if (answer) return take_up(key, ask, asked, answer->seq);
  if (is_in_doubt(answer.error())) owe(key, range);
  if (answer.error().code == Code::conflict) return false;
  return std::move(answer).error();
}

// The lock is the program's once this has worked; else the store is told that it is not.
Result<bool> MountedVolume::take_up(const LockKey& key, const LockAsk& ask, Moment asked, Seq seq) {
  LockTable before;
  {
    Lock lock(mutex_);
    OwnerLocks& held = state_.locks[key];
    before = held.table;
    held.table.set(here(key), range_of_ask(ask), ask.kind);
    if (held.table.empty()) {
      held.since = Moment::max();
      held.handles.clear();
    }
    if (!ask.kind) {
      ++held.unlocks;
      return true;
    }
    held.since = std::min(held.since, asked);
    held.handles.insert(ask.handle);
    held.node = ask.node;
    held.process = ask.process;
    locks_held_ = true;
    join_lockers(ask.handle);
  }
  auto caught_up = catch_up(ask.node, seq);
  if (caught_up) return true;
  {
    Lock lock(mutex_);
    state_.locks[key].table = std::move(before);
  }
  owe(key, range_of_ask(ask));
  return std::move(caught_up).error();
}

// From here on changes made elsewhere arrive in place.
void MountedVolume::join_lockers(HandleId handle) {
  const auto found = state_.handles.find(handle);
  if (found == state_.handles.end() || found->second.locks) return;
  found->second.locks = true;
  ++file_of(found->second.node).lockers;
}

bool MountedVolume::shared_in_place(NodeId node) const {
  const auto file = state_.files.find(node);
  return file != state_.files.end() && file->second.lockers > 0 && !file->second.dirty() &&
         file->second.parcels.empty();
}

Status MountedVolume::catch_up(NodeId node, Seq seq) {
  const Moment deadline = read_deadline();
  const auto late = [&] {
    return Error{Code::timed_out, "the mount did not catch up in time with who held the lock",
                 to_string(node)};
  };
  if (!wait_until(seq, deadline)) return late();
  for (int i = 0; i < kRebaseTries; ++i) {
    Notices notices;
    bool current = false;
    {
      Lock lock(mutex_);
      current = rebase(node, notices);
    }
    if (current && notices.empty()) return success();
    post(std::move(notices));
    if (current) return invalidator_.flushed(deadline) ? success() : Status(late());
    if (auto published = publish(node, Extent::everything); !published) return published;
  }
  return Error{Code::conflict, "the file is written while it is locked: open it again",
               to_string(node)};
}

bool MountedVolume::rebase(NodeId node, Notices& notices) {
  Binding* binding = state_.inodes.find(node);
  if (binding == nullptr || !binding->pinned) return true;
  TreeNode* now = state_.tree.find(binding->inode);
  if (now == nullptr) return true;  // removed: it shows its last bytes
  const auto file = state_.files.find(node);
  if (file != state_.files.end()) {
    if (file->second.dirty()) return false;
    file->second.parcels.clear();  // committed, and in the tree or overwritten by now
    file->second.merged = {};
  }
  if (state_.inodes.revive(node)) {
    now->generation = binding->generation;
  } else if (binding->pinned->version == now->node.version) {
    return true;
  } else {
    binding->pinned = now->node;  // others have opened what came between by another id
  }
  announce_content(node, 0, notices);
  return true;
}

// ── Waiting ──────────────────────────────────────────────────────────────────────────────────────

void MountedVolume::await_lock_later(const LockAsk& ask, std::shared_ptr<Cancellation> given_up,
                                     LockReply reply) {
  const auto key = key_of(ask);
  if (!key) return reply(key.error());
  auto waiting = std::make_shared<WaitingLock>();
  waiting->ask = ask;
  waiting->given_up = std::move(given_up);
  waiting->reply = std::move(reply);
  bool room = false;
  {
    Lock lock(mutex_);
    room = !state_.ending && state_.waits.size() < kMountLocksWaitingMax;
    if (room) {
      state_.waits.insert(waiting);
      ++state_.locks[*key].waits;
    }
  }
  if (room) return ask_to_wait(*key, waiting);
  waiting->reply(Error{Code::too_big,
                       std::to_string(kMountLocksWaitingMax) +
                           " locks are waited for in this mount already: try again later",
                       {}});
}

void MountedVolume::ask_to_wait(const LockKey& key, const std::shared_ptr<WaitingLock>& waiting) {
  LockQuery query = query_of(key, range_of_ask(waiting->ask), waiting->ask.kind);
  query.wait = true;
  {
    Lock lock(mutex_);
    waiting->unlocks = state_.locks[key].unlocks;
  }
  const Moment asked = clock_.now();
  store_.lock(Call{write_deadline(), {}, waiting->given_up}, volume_.id, query,
              [this, key, waiting, asked](Result<LockAnswer> answer) {
                lock_threads_.post([this, key, waiting, asked, answer = std::move(answer)] {
                  go_on(key, waiting, asked, answer);
                });
              });
}

void MountedVolume::go_on(const LockKey& key, const std::shared_ptr<WaitingLock>& waiting,
                          Moment asked, const Result<LockAnswer>& answer) {
  const LockAsk& ask = waiting->ask;
  const bool gone = waiting->given_up->requested();
  const bool doubtful = !answer && is_in_doubt(answer.error());
  // Whether it was granted is not known, or nobody is there to hold it.
  if (doubtful || (answer && gone)) owe(key, range_of_ask(ask));
  if (gone)
    return end_wait(key, waiting, Error{Code::timed_out, "the program was interrupted", {}});
  if (!answer) {
    bool taken_back = false;
    {
      Lock lock(mutex_);
      taken_back = state_.locks[key].unlocks != waiting->unlocks;
    }
    // An unlock of its owner elsewhere in the file took the waiting one back with it.
    if (answer.error().code == Code::conflict && taken_back) return ask_to_wait(key, waiting);
    if (!doubtful || server_away()) return end_wait(key, waiting, answer.error());
    const Moment deadline = write_deadline();
    if (auto turn = begin_lock_turn(key, deadline); !turn) {
      return end_wait(key, waiting, std::move(turn).error());
    }
    const bool settled = settle(key, deadline);
    end_lock_turn(key);
    if (settled) return ask_to_wait(key, waiting);
    return end_wait(key, waiting, answer.error());
  }
  const Moment deadline = write_deadline();
  if (auto turn = begin_lock_turn(key, deadline); !turn) {
    owe(key, range_of_ask(ask));
    return end_wait(key, waiting, std::move(turn).error());
  }
  auto taken = take_up(key, ask, asked, answer->seq);
  end_lock_turn(key);
  end_wait(key, waiting, taken ? success() : Status(std::move(taken).error()));
}

void MountedVolume::end_wait(const LockKey& key, const std::shared_ptr<WaitingLock>& waiting,
                             const Status& status) {
  waiting->reply(status);
  Lock lock(mutex_);
  state_.waits.erase(waiting);
  const auto held = state_.locks.find(key);
  if (held != state_.locks.end()) --held->second.waits;
  drop_idle_locks(key);
  changed_.notify_all();
}

void MountedVolume::end_waits() {
  std::set<std::shared_ptr<WaitingLock>> waits;
  {
    Lock lock(mutex_);
    state_.ending = true;
    waits = state_.waits;
  }
  for (const auto& waiting : waits) waiting->given_up->request();
  Lock lock(mutex_);
  while (!state_.waits.empty()) changed_.wait(mutex_);
}

bool MountedVolume::server_away() const {
  if (connected_ && !connected_()) return true;
  return heard_since_ && heard_since_() == Moment::max();
}

// ── Turns, and what the store is owed ────────────────────────────────────────────────────────────

Status MountedVolume::begin_lock_turn(const LockKey& key, Moment deadline) {
  Lock lock(mutex_);
  while (state_.locks[key].busy) {
    if (wait_for_change(deadline)) continue;
    return Error{Code::timed_out, "another request for this lock did not end in time",
                 to_string(key.inode)};
  }
  state_.locks[key].busy = true;
  locks_held_ = true;
  return success();
}

void MountedVolume::end_lock_turn(const LockKey& key) {
  Lock lock(mutex_);
  state_.locks[key].busy = false;
  drop_idle_locks(key);
  changed_.notify_all();
}

void MountedVolume::drop_idle_locks(const LockKey& key) {
  const auto held = state_.locks.find(key);
  if (held != state_.locks.end() && held->second.idle()) state_.locks.erase(held);
  locks_held_ = !state_.locks.empty();
}

void MountedVolume::owe(const LockKey& key, const LockRange& range) {
  Lock lock(mutex_);
  state_.locks[key].owed.push_back(range);
  state_.owed_due = clock_.now();
  if (wake_) wake_();
}

// What the table says of the owed ranges, told to the store. An unlock there takes back what its
// owner waits for, so there is always one: of the last byte, which nobody locks alone, if need be.
bool MountedVolume::settle(const LockKey& key, Moment deadline) {
  for (;;) {
    LockRange range;
    std::vector<HeldLock> held;
    {
      Lock lock(mutex_);
      OwnerLocks& locks = state_.locks[key];
      if (locks.owed.empty()) return true;
      range = locks.owed.back();
      std::erase(locks.owed, range);  // what is owed from here on is told behind this
      held = locks.table.held();
    }
    std::vector<LockQuery> queries;
    if (held.empty() || key.whole_file) queries.push_back(query_of(key, range, std::nullopt));
    if (!held.empty() && !key.whole_file) {
      queries.push_back(query_of(key, {kLockEnd - 1, kLockEnd}, std::nullopt));
      std::sort(held.begin(), held.end(),
                [](const HeldLock& a, const HeldLock& b) { return a.range < b.range; });
      std::uint64_t at = range.from;
      for (const HeldLock& lock : held) {
        if (!lock.range.overlaps(range)) continue;
        if (lock.range.from > at) {
          queries.push_back(query_of(key, {at, lock.range.from}, std::nullopt));
        }
        at = std::max(at, lock.range.to);
      }
      if (at < range.to) queries.push_back(query_of(key, {at, range.to}, std::nullopt));
    }
    for (const HeldLock& lock : held) queries.push_back(query_of(key, lock.range, lock.kind));
    bool lost = false;
    for (const LockQuery& query : queries) {
      const auto answer = await_lock(store_, RequestScope::call(deadline), volume_.id, query);
      if (answer) continue;
      if (is_in_doubt(answer.error())) {
        Lock lock(mutex_);
        state_.locks[key].owed.push_back(range);
        return false;
      }
      lost = lost || query.kind;
    }
    Lock lock(mutex_);
    OwnerLocks& locks = state_.locks[key];
    locks.lost = locks.lost || lost;
    ++locks.unlocks;
  }
}

// Nobody tells when a turn has ended, which may leave something owed, or when unsaved bytes are
// published: that is looked for.
void MountedVolume::settle_locks() {
  std::vector<LockKey> owing;
  bool all = true;
  {
    Lock lock(mutex_);
    state_.owed_due = Moment::max();
    for (auto& [key, held] : state_.locks) {
      const bool owes = !held.owed.empty();
      const bool later = held.busy || (owes && unsaved_under(held));
      if (owes && !later) owing.push_back(key);
      all = all && !later;
    }
  }
  const Moment deadline = write_deadline();
  for (const LockKey& key : owing) {
    const bool turn = bool(begin_lock_turn(key, deadline));
    all = turn && settle(key, deadline) && all;
    if (turn) end_lock_turn(key);
  }
  if (all) return;
  Lock lock(mutex_);
  state_.owed_due = std::min(state_.owed_due, clock_.now() + kLockLookInterval);
}

bool MountedVolume::unsaved_under(const OwnerLocks& held) const {
  const auto file = state_.files.find(held.node);
  return file != state_.files.end() && file->second.dirty();
}

// ── The end of descriptors ───────────────────────────────────────────────────────────────────────

void MountedVolume::end_locks(HandleId handle, std::uint64_t owner) {
  if (!locks_held_) return;
  std::vector<LockKey> ending;
  {
    Lock lock(mutex_);
    const auto found = state_.handles.find(handle);
    if (found == state_.handles.end()) return;
    const Binding* binding = state_.inodes.find(found->second.node);
    const LockKey key{binding->inode, false, owner};
    if (state_.locks.contains(key)) ending.push_back(key);
  }
  give_up(ending);
}

std::vector<LockKey> MountedVolume::locks_of(HandleId handle) const {
  std::vector<LockKey> ending;
  if (!locks_held_) return ending;
  Lock lock(mutex_);
  for (const auto& [key, held] : state_.locks) {
    if (held.handles.contains(handle)) ending.push_back(key);
  }
  return ending;
}

// Bytes that could not be published stay behind the lock: it is given up once they are there, or
// beside the file.
void MountedVolume::give_up(const std::vector<LockKey>& ending) {
  for (const LockKey& key : ending) {
    const Moment deadline = write_deadline();
    const auto turn = begin_lock_turn(key, deadline);
    bool at_once = false;
    {
      Lock lock(mutex_);
      OwnerLocks& held = state_.locks[key];
      held.lost = false;
      if (!held.table.empty()) held.owed.assign(1, kWholeFile);
      held.table = {};
      held.handles.clear();
      held.since = Moment::max();
      at_once = turn && !unsaved_under(held);
      ++held.unlocks;
    }
    if (!at_once || !settle(key, deadline)) {
      Lock lock(mutex_);
      state_.owed_due = clock_.now() + kLockLookInterval;
      if (wake_) wake_();
    }
    if (turn) end_lock_turn(key);
  }
}

// ── The lease ────────────────────────────────────────────────────────────────────────────────────

void MountedVolume::note_lease() {
  if (!locks_held_ || !heard_since_) return;
  const Moment heard = heard_since_();
  std::vector<Inode> lost;
  {
    Lock lock(mutex_);
    for (auto& [key, held] : state_.locks) {
      if (held.lost || held.table.empty() || held.since >= heard) continue;
      held.lost = true;
      lost.push_back(key.inode);
      const auto file = state_.files.find(held.node);
      if (file != state_.files.end() && file->second.dirty()) file->second.forsaken = true;
    }
  }
  for (const Inode inode : lost) {
    log(Severity::error,
        "a lock was lost: the server was not heard for longer than its lease; writes under it fail",
        {{"volume", volume_.name}, {"inode", to_string(inode)}});
  }
}

bool MountedVolume::is_lost(const LockKey& key) const {
  Lock lock(mutex_);
  const auto held = state_.locks.find(key);
  return held != state_.locks.end() && held->second.lost;
}

bool MountedVolume::has_locks(NodeId node) const {
  const Binding* binding = state_.inodes.find(node);
  if (binding == nullptr) return false;
  const auto held = state_.locks.lower_bound(LockKey{binding->inode, false, 0});
  return held != state_.locks.end() && held->first.inode == binding->inode;
}

Status MountedVolume::check_locks(Inode inode) const {
  for (auto held = state_.locks.lower_bound(LockKey{inode, false, 0});
       held != state_.locks.end() && held->first.inode == inode; ++held) {
    if (held->second.lost) return lost_lock(inode);
  }
  return success();
}

Result<std::optional<LockHolder>> MountedVolume::test_lock(const LockAsk& ask) {
  const auto key = key_of(ask);
  if (!key) return key.error();
  LockQuery query = query_of(*key, range_of_ask(ask), ask.kind.value_or(LockKind::exclusive));
  query.test = true;
  auto answer = await_lock(store_, RequestScope::call(read_deadline()), volume_.id, query);
  if (!answer) return std::move(answer).error();
  return std::move(answer->holder);
}

std::int32_t MountedVolume::process_of(NodeId node, const LockHolder& holder) const {
  Lock lock(mutex_);
  const Binding* binding = state_.inodes.find(node);
  if (binding == nullptr || holder.client != numbers_.client()) return 0;
  const auto held = state_.locks.find(LockKey{binding->inode, false, holder.owner});
  return held == state_.locks.end() ? 0 : held->second.process;
}

}  // namespace outboard::fusefs
