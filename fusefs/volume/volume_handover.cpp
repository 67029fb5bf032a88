// What a mounted volume hands to its successor in another process, and how that one goes on. [S59]
//
// The successor shows what this one showed: the same tree with the same places in listings, the
// same node ids and what they stand for, the same unsaved bytes under the same request numbers.
// What the feed tells after tables() both take in; whatever that means for the kernel is said
// twice. Content that was cached is asked for again.
#include "core/check.h"
#include "fusefs/volume/handed_values.h"
#include "fusefs/volume/volume.h"

namespace outboard::fusefs {

template <class Pack>
void MountedVolume::describe_state(Pack& pack, State& state) {
  pack(state.tree, state.inodes, state.history, state.handles, state.next_handle, state.files,
       state.publishers, state.own, state.announce_own, state.posted, state.frozen,
       state.removed_xattrs, state.tellings);
}

// Who waits for a lock asks for it again through the successor. Whether the store grants it to this
// process meanwhile nobody will hear: so it is told anew what is held there.
HeldLocks MountedVolume::locks_to_hand() const {
  HeldLocks locks = state_.locks;
  for (const auto& waiting : state_.waits) {
    const LockAsk& ask = waiting->ask;
    const Binding* binding = state_.inodes.find(ask.node);
    if (binding == nullptr) continue;
    const LockRange range{ask.start, ask.length == 0 ? kLockEnd : ask.start + ask.length};
    locks[LockKey{binding->inode, ask.whole_file, ask.owner}].owed.push_back(range);
  }
  return locks;
}

std::string MountedVolume::tables() const {
  Packer pack;
  Lock lock(mutex_);
  // What the tree has, the kernel has been told of, or the notifier knows it.
  while (state_.posted < state_.tree.seq()) changed_.wait(mutex_);
  for (const auto& [node, file] : state_.files) CHECK(!file.publishing);
  describe_state(pack, const_cast<State&>(state_));  // packing changes nothing
  pack(locks_to_hand());
  return std::move(pack).take();
}

Result<std::unique_ptr<MountedVolume>> MountedVolume::take_over(
    Store& store, RequestNumbers& numbers, Invalidator& invalidator, const Clock& clock,
    const View& view, Volume volume, std::string_view tables) {
  std::unique_ptr<MountedVolume> taken(
      new MountedVolume(store, numbers, invalidator, clock, view, std::move(volume)));
  Lock lock(taken->mutex_);
  State& state = taken->state_;
  Unpacker unpack(tables);
  describe_state(unpack, state);
  unpack(state.locks);
  if (!unpack.good()) {
    return Error{Code::corrupt, "the tables of the running daemon cannot be read",
                 taken->volume_.name};
  }
  taken->on_demand_ = taken->on_demand_ || !state.tree.whole();
  state.stale = taken->strict_;  // until the feed is followed
  if (taken->strict_) state.unsettled.begin(state.tree.seq(), clock.now());
  // Whether the volume was strict before, and the kernel has forgotten, is not known. [S7]
  taken->forget_due_ = taken->strict_ && view.kernel_forgets;
  state.owed_due = clock.now();
  taken->locks_held_ = !state.locks.empty();
  return taken;
}

void MountedVolume::announce_again(std::vector<Notice> notices) {
  {
    Lock lock(mutex_);
    for (const Binding& row : state_.inodes.rows()) {
      if (row.pinned) row.announced->store(true);
    }
    for (Notice& notice : notices) {
      if (notice.kind != NoticeKind::name_gone || !notice.node) continue;
      const Binding* retired = state_.inodes.find(notice.node);
      if (retired == nullptr || !retired->pinned) continue;
      retired->announced->store(false);
      notice.delivered = retired->announced;
    }
  }
  post(std::move(notices));
}

}  // namespace outboard::fusefs
