// SiblingThreads: bring files that a program has not asked for yet. Born with the first batch: most
// mounts never see one.
//
// volume_siblings → bring() → a thread "siblings" → BlockCache. What cannot begin at once is not
// begun: whoever reads those files asks for them.
#pragma once

#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "core/guarded.h"

namespace outboard::fusefs {

class SiblingThreads {
 public:
  SiblingThreads() = default;
  // Waits for those under way.
  ~SiblingThreads();
  SiblingThreads(const SiblingThreads&) = delete;
  SiblingThreads& operator=(const SiblingThreads&) = delete;

  // Whether one would begin at once.
  bool idle() const;
  // REQUIRES: signals are blocked in the calling thread, as in a worker.
  void bring(std::function<void()> batch);

 private:
  void run();

  mutable Mutex mutex_;
  Condition came_;
  std::vector<std::function<void()>> batches_ GUARDED_BY(mutex_);  // that wait for their thread
  std::vector<std::thread> threads_ GUARDED_BY(mutex_);
  std::size_t busy_ GUARDED_BY(mutex_) = 0;
  bool stop_ GUARDED_BY(mutex_) = false;
};

}  // namespace outboard::fusefs
