// LockThreads: go on with locks that were waited for: the mount catches up and the program is
// answered, which takes a barrier, and the store's threads must not block.
//
// store's answer → post() → a thread "lock". They are born with the first lock that waits: most
// mounts never see one. Their queue is as long as there are waiting locks, kMountLocksWaitingMax.
#pragma once

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "core/clock.h"
#include "core/guarded.h"

namespace outboard::fusefs {

class LockThreads {
 public:
  LockThreads() = default;
  // Runs what was posted, then ends.
  ~LockThreads();
  LockThreads(const LockThreads&) = delete;
  LockThreads& operator=(const LockThreads&) = delete;

  // REQUIRES: signals are blocked in the thread that posts first, as in a worker.
  void post(std::function<void()> job);
  // None runs from here on; what is posted waits. False: one still runs at `until`, and all goes
  // on.
  bool pause(Moment until);
  void resume();

 private:
  void run();

  Mutex mutex_;
  Condition posted_;
  std::deque<std::function<void()>> jobs_ GUARDED_BY(mutex_);
  std::vector<std::thread> threads_ GUARDED_BY(mutex_);
  bool stop_ GUARDED_BY(mutex_) = false;
  bool paused_ GUARDED_BY(mutex_) = false;
  std::size_t busy_ GUARDED_BY(mutex_) = 0;
  Condition ended_;  // of a job
};

}  // namespace outboard::fusefs
