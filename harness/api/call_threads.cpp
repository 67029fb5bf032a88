#include "harness/api/call_threads.h"

#include <pthread.h>

#include <utility>

namespace outboard::harness {

CallThreads::CallThreads(std::size_t callers, std::size_t queue_max, std::size_t watches_max)
    : queue_max_(queue_max), watches_max_(watches_max) {
  for (std::size_t i = 0; i < callers; ++i) {
    callers_.emplace_back([this] { serve(); });
    ::pthread_setname_np(callers_.back().native_handle(), "agent-call");
  }
}

CallThreads::~CallThreads() {
  std::map<std::uint64_t, std::thread> watches;
  {
    Lock lock(mutex_);
    stopping_ = true;
    watches = std::exchange(watches_, {});
  }
  changed_.notify_all();
  for (auto& thread : callers_) thread.join();
  for (auto& [number, thread] : watches) thread.join();
}

bool CallThreads::offer(std::function<void()> work) {
  {
    Lock lock(mutex_);
    if (stopping_ || queue_.size() >= queue_max_) return false;
    queue_.push_back(std::move(work));
  }
  changed_.notify_one();
  return true;
}

bool CallThreads::watch(std::function<void()> work) {
  join_ended();
  Lock lock(mutex_);
  if (stopping_ || watches_.size() >= watches_max_) return false;
  const std::uint64_t number = next_watch_++;
  std::thread thread([this, number, work = std::move(work)] {
    work();
    Lock ending(mutex_);
    ended_.push_back(number);
  });
  ::pthread_setname_np(thread.native_handle(), "agent-watch");
  watches_[number] = std::move(thread);
  return true;
}

void CallThreads::join_ended() {
  std::vector<std::thread> threads;
  {
    Lock lock(mutex_);
    for (const std::uint64_t number : std::exchange(ended_, {})) {
      const auto found = watches_.find(number);
      if (found == watches_.end()) continue;
      threads.push_back(std::move(found->second));
      watches_.erase(found);
    }
  }
  for (auto& thread : threads) thread.join();
}

void CallThreads::serve() {
  while (true) {
    std::function<void()> work;
    {
      Lock lock(mutex_);
      while (queue_.empty() && !stopping_) changed_.wait(mutex_);
      if (queue_.empty()) return;
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    work();
  }
}

}  // namespace outboard::harness
