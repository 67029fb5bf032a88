// CallThreads: the threads of the api: a few for calls that wait for the journal, so that gRPC's
// own never do, and one for each watch, whose reader may be slow. Both bounded.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <thread>
#include <vector>

#include "core/guarded.h"

namespace outboard::harness {

class CallThreads {
 public:
  CallThreads(std::size_t callers, std::size_t queue_max, std::size_t watches_max);
  // Waits for what is queued and for all watches.
  ~CallThreads();
  CallThreads(const CallThreads&) = delete;
  CallThreads& operator=(const CallThreads&) = delete;

  // False: the queue is full, and `work` will not run. Any thread.
  bool offer(std::function<void()> work);
  // On a thread of its own. False: there are as many as there may be.
  bool watch(std::function<void()> work);

 private:
  void serve();
  void join_ended();

  const std::size_t queue_max_;
  const std::size_t watches_max_;
  Mutex mutex_;
  Condition changed_;
  std::deque<std::function<void()>> queue_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::uint64_t next_watch_ GUARDED_BY(mutex_) = 0;
  std::map<std::uint64_t, std::thread> watches_ GUARDED_BY(mutex_);
  std::vector<std::uint64_t> ended_ GUARDED_BY(mutex_);  // to be joined
  std::vector<std::thread> callers_;
};

}  // namespace outboard::harness
