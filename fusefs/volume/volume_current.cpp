// Whether what is here is current: what a strict volume asks, when its volume becomes one, and
// after a sleep. [S7, S55]
#include "core/limits.h"
#include "core/log.h"
#include "core/mount_acks.h"
#include "fusefs/volume/request_scope.h"
#include "fusefs/volume/volume.h"

namespace outboard::fusefs {

Status MountedVolume::reach_head(Moment deadline) {
  std::uint64_t doubts = 0;
  {
    Lock lock(mutex_);
    doubts = state_.doubts;
  }
  auto now = store_.describe(RequestScope::call(deadline), volume_.id);
  if (!now) return std::move(now).error();
  if (!wait_until(now->head, deadline)) {
    return Error{Code::timed_out, "the view did not reach the store's head in time", volume_.name};
  }
  Lock lock(mutex_);
  if (doubts == state_.doubts) doubtful_ = false;
  changed_.notify_all();
  return success();
}

void MountedVolume::doubt() {
  Lock lock(mutex_);
  doubtful_ = true;
  ++state_.doubts;
  state_.doubted_until = clock_.now() + kWakeWait;
  state_.current_until = {};
}

void MountedVolume::await_waking() {
  Lock lock(mutex_);
  while (doubtful_ && wait_for_change(state_.doubted_until)) {
  }
}

// A publish that this mount has not acknowledged returns no sooner than kStrictLease after its
// commit, as long as the store counts this mount. So what the store says the head is, asked at a
// moment, holds for that long behind the moment: whoever published since is still waiting for us.
// Whom it does not count, or not yet again, asks each time. [S7]
Status MountedVolume::prove_current() {
  if (!doubtful_ && slept_ && slept_()) doubt();
  if (doubtful_) await_waking();
  if (!strict_) return success();
  const Moment asked = clock_.now();
  bool counted = false;
  {
    Lock lock(mutex_);
    if (!state_.stale && asked < state_.current_until) return success();
    counted = counted_();
  }
  const Moment deadline = read_deadline();
  auto now = store_.describe(RequestScope::call(deadline), volume_.id);
  if (!now) return std::move(now).error();
  Lock lock(mutex_);
  while (state_.stale || state_.tree.seq() < now->head) {
    if (wait_for_change(deadline)) continue;
    return Error{Code::timed_out,
                 "this mount of a strict volume has not caught up with the store: it shows "
                 "nothing that may be old",
                 volume_.name};
  }
  if (counted && !state_.frozen) state_.current_until = asked + kStrictLease - kStrictMargin;
  return success();
}

// What this mount has heard of some other may not have yet: shown here first, it would be missed
// there by whoever was told of it by a program here. One asks at a time, for what it needs and no
// more: of newer changes this mount may not have told its own kernel yet. [S7, D44]
Status MountedVolume::await_settled(Seq seq, Moment deadline) {
  for (;;) {
    Moment lapse;
    {
      Lock lock(mutex_);
      state_.unsettled.pass(clock_.now());
      if (!state_.unsettled.holds(seq)) return success();
      lapse = state_.unsettled.lapse(seq);
      if (state_.settling) {
        if (wait_for_change(std::min(lapse, deadline))) continue;
        if (lapse <= deadline && !RequestScope::given_up()) continue;
        return not_settled(seq);
      }
      state_.settling = true;
    }
    const Status settled =
        store_.settle(RequestScope::call(std::min(lapse, deadline)), volume_.id, seq);
    Lock lock(mutex_);
    state_.settling = false;
    // A server that does not know of it leaves the mount with what it had: a regular register.
    const bool over = settled || settled.error().code == Code::unsupported;
    if (over) state_.unsettled.settled(seq);
    changed_.notify_all();
    if (over || clock_.now() >= lapse) continue;
    if (clock_.now() >= deadline) return not_settled(seq);
    const Code code = settled.error().code;
    const bool again = code == Code::unavailable || code == Code::timed_out;  // before its time
    if (!again || RequestScope::given_up()) return settled;
    wait_for_change(std::min({lapse, deadline, clock_.now() + kRpcRetryAfter}));
  }
}

Status MountedVolume::await_node_settled(NodeId node) {
  const Moment deadline = read_deadline();
  for (;;) {
    Seq last;
    {
      Lock lock(mutex_);
      const Binding* binding = state_.inodes.find(node);
      if (binding != nullptr && !binding->pinned) {
        // A directory's links and times are changed by its names.
        last = std::max(state_.unsettled.of_node(binding->inode),
                        state_.unsettled.of_names_in(binding->inode));
      }
    }
    if (!last) return success();
    if (auto settled = await_settled(last, deadline); !settled) return settled;
  }
}

// What the store has answered from, this mount shows, and no other anything older.
Status MountedVolume::await_answer_settled(Moment deadline) {
  if (!strict_) return success();
  if (auto reached = reach_head(deadline); !reached) return reached;
  return await_settled(seq(), deadline);
}

void MountedVolume::watch_counted(std::function<bool()> counted) {
  Lock lock(mutex_);
  counted_ = std::move(counted);
}

void MountedVolume::set_strict(bool strict) {
  {
    Lock lock(mutex_);
    if (strict_ == strict) return;
    strict_ = strict;  // no answer from here on is to be remembered
    state_.current_until = {};
    state_.unsettled.clear();
    if (strict) state_.unsettled.begin(state_.tree.seq(), clock_.now());
  }
  forget_due_ = strict && view_.kernel_forgets;
  log(Severity::info, strict ? "the volume is strict from here on" : "the volume is strict no more",
      {{"volume", volume_.name}});
}

bool MountedVolume::remembers() {
  if (!strict_) return view_.kernel_forgets;
  if (forget_due_) forget_due_ = !forget_all();
  return forget_due_ || (keeps_names_ && !invalidator_.flushed(clock_.now() + kAcknowledgeWait));
}

// A kernel with epochs looks each name up again. Where that cannot be had, or would take the views
// out that stand inside this one, the names of files go one by one; of directories and of what is
// absent the kernel goes on knowing, and a read-only view it opens no file of (recipe R): there
// each change has to arrive before it is acknowledged.
bool MountedVolume::forget_all() {
  const bool names = !mountpoints_.any() && invalidator_.forget_names();
  keeps_names_ = !names || view_.read_only;
  std::vector<Binding> rows;
  {
    Lock lock(mutex_);
    rows = state_.inodes.rows();
  }
  for (std::size_t at = 0; at < rows.size();) {
    Notices notices;
    {
      Lock lock(mutex_);
      for (; at < rows.size() && notices.size() < kForgetAtOnce; ++at) {
        const Node* node = node_of(rows[at].id);
        if (node == nullptr) continue;
        Notice bytes;
        bytes.kind = NoticeKind::content;
        bytes.node = rows[at].id;
        notices.push_back(std::move(bytes));
        if (names || node->is(Kind::directory)) continue;
        for (auto& [directory, name] : known_names(node->inode)) {
          Notice gone;
          gone.kind = NoticeKind::name_gone;
          gone.directory = directory;
          gone.name = std::move(name);
          notices.push_back(std::move(gone));
        }
      }
    }
    post(std::move(notices));
    if (!invalidator_.flushed(clock_.now() + kStrictLease)) return false;
  }
  return true;
}

}  // namespace outboard::fusefs
