// Workers: a few threads for calls that wait for a disk or a mount, so that gRPC's own never do.
#pragma once

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "core/guarded.h"

namespace outboard::harness {

class Workers {
 public:
  explicit Workers(std::size_t threads, std::size_t queue_max);
  // Waits for what is queued.
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // False: the queue is full, and `work` will not run. Any thread.
  bool offer(std::function<void()> work);

 private:
  void serve();

  const std::size_t queue_max_;
  Mutex mutex_;
  Condition changed_;
  std::deque<std::function<void()>> queue_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace outboard::harness
