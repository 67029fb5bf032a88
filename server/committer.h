// Committer: gathers what many callers write to a volume at once into one transaction.
//
// store.submit() → lane of the volume → one of a few threads → GroupWriter → answers. There is no
// timer: whatever waits when a commit ends forms the next group, so one caller alone waits for
// nobody and 256 callers share a commit. No caller needs a thread to wait on: the next group is
// taken up before the last one's answers are given.
//
// A group that somebody's row lock blocks, or that one bad batch spoils, is split: each batch
// alone; the blocked ones go to the lane's slow side, are tried again now and then until their
// deadline, and hold up nobody. A batch that waits on the slow side may be overtaken.
//
// Any thread may call. The one lock here is a leaf: nothing is called under it, answers least.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "core/call.h"
#include "core/guarded.h"
#include "core/limits.h"
#include "core/op.h"
#include "core/store.h"
#include "server/commit_counts.h"

namespace outboard::server {

// One caller's batch. Copies, so that a caller who gives up at its deadline leaves nothing
// dangling.
struct PendingWrite {
  Call call;
  Batch batch;
  std::optional<Result<Applied>> answer;
};

enum class GroupEnd {
  answered,  // every write of the group has its answer
  blocked,   // somebody's lock: unanswered ones may be tried again; nothing of them was written
  spoiled,   // one of several is bad: try the unanswered each alone; nothing of them was written
};

// Writes one group in one transaction. Used by one thread.
class GroupWriter {
 public:
  virtual ~GroupWriter() = default;
  // Never `spoiled` for a single write. Waits for others' row locks up to `lock_wait`.
  virtual GroupEnd commit(VolumeId volume, const std::vector<PendingWrite*>& group,
                          std::chrono::milliseconds lock_wait) = 0;
};

class Committer {
 public:
  // One thread for each writer.
  explicit Committer(std::vector<std::unique_ptr<GroupWriter>> writers);
  // Answers what was handed in, then stops.
  ~Committer();
  Committer(const Committer&) = delete;
  Committer& operator=(const Committer&) = delete;

  // unavailable: too many wait already. timed_out: not written, or (it says so) in doubt; a batch
  // that is being committed is answered when its fate is known.
  void submit(const Call& call, VolumeId volume, Batch batch, ApplyDone done);
  // The same for one who waits: answered at the deadline, whatever the batch is at.
  Result<Applied> apply(const Call& call, VolumeId volume, const Batch& batch);

  // A transaction of others has ended on this volume: the blocked ones may have their turn.
  void poke(VolumeId volume);

  // Groups, answers, queues.
  void measure(Figures& to);

 private:
  enum class Place { queued, slow, in_flight, done };
  struct Waiting {
    PendingWrite write;
    ApplyDone done;  // empty: somebody waits for `answered`
    Place place = Place::queued;
    std::chrono::milliseconds pause{0};  // slow: before the next try
    Moment due{};
    Condition answered;
  };
  using WaitingPtr = std::shared_ptr<Waiting>;
  struct Lane {
    std::deque<WaitingPtr> queue;
    std::deque<WaitingPtr> slow;
    bool busy = false;    // a thread is at it
    bool listed = false;  // in ready_
  };
  struct Work {
    VolumeId volume;
    std::vector<WaitingPtr> group;
    std::chrono::milliseconds lock_wait{0};
  };

  void work(GroupWriter& writer, std::size_t index);
  void wake_one() REQUIRES_LOCK(mutex_);
  void rest(Condition& woken) REQUIRES_LOCK(mutex_);
  bool next(Work& work) REQUIRES_LOCK(mutex_);
  bool next_slow(Work& work) REQUIRES_LOCK(mutex_);
  Moment next_due() REQUIRES_LOCK(mutex_);
  void list(VolumeId volume, Lane& lane) REQUIRES_LOCK(mutex_);
  // Refuses, or puts it into its lane.
  std::optional<Error> enter(VolumeId volume, const WaitingPtr& waiting) REQUIRES_LOCK(mutex_);
  // Takes those whose deadline has passed out of `work` and into `answered`.
  void drop_late(Work& work, std::vector<WaitingPtr>& answered) REQUIRES_LOCK(mutex_);
  void answer(const WaitingPtr& waiting, std::vector<WaitingPtr>& answered) REQUIRES_LOCK(mutex_);
  static void tell(const std::vector<WaitingPtr>& answered);
  void commit(GroupWriter& writer, Work& work);
  GroupEnd commit_group(GroupWriter& writer, const Work& work);
  std::vector<WaitingPtr> settle(const Work& work);
  static Error too_late(Place place);
  Error gave_up(Waiting& waiting, Lane& lane) REQUIRES_LOCK(mutex_);

  std::vector<std::unique_ptr<GroupWriter>> writers_;
  CommitCounts counts_;
  Mutex mutex_;
  // Of idle threads. Who worked last is woken first: its connection is warm, and the others' need
  // not be opened before there is work for as many.
  std::vector<Condition*> idle_ GUARDED_BY(mutex_);
  std::map<VolumeId, Lane> lanes_ GUARDED_BY(mutex_);
  std::deque<VolumeId> ready_ GUARDED_BY(mutex_);
  std::size_t queued_ GUARDED_BY(mutex_) = 0;  // in the queues of all lanes
  std::size_t slow_ GUARDED_BY(mutex_) = 0;
  std::uint64_t turns_ GUARDED_BY(mutex_) = 0;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace outboard::server
