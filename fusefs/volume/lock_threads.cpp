#include "fusefs/volume/lock_threads.h"

#include <pthread.h>

#include <utility>

#include "core/limits.h"

namespace outboard::fusefs {

LockThreads::~LockThreads() {
  std::vector<std::thread> ending;
  {
    const Lock lock(mutex_);
    stop_ = true;
    paused_ = false;
    posted_.notify_all();
    ending.swap(threads_);
  }
  for (std::thread& thread : ending) thread.join();
}

void LockThreads::post(std::function<void()> job) {
  const Lock lock(mutex_);
  jobs_.push_back(std::move(job));
  if (threads_.size() < kLockThreads && !stop_) threads_.emplace_back([this] { run(); });
  posted_.notify_one();
}

bool LockThreads::pause(Moment until) {
  const Lock lock(mutex_);
  paused_ = true;
  while (busy_ > 0 && ended_.wait_until(mutex_, until)) {
  }
  if (busy_ == 0) return true;
  paused_ = false;
  posted_.notify_all();
  return false;
}

void LockThreads::resume() {
  const Lock lock(mutex_);
  paused_ = false;
  posted_.notify_all();
}

void LockThreads::run() {
  pthread_setname_np(pthread_self(), "lock");
  mutex_.lock();
  for (;;) {
    while (!stop_ && (paused_ || jobs_.empty())) posted_.wait(mutex_);
    if (jobs_.empty()) break;
    const auto job = std::move(jobs_.front());
    jobs_.pop_front();
    ++busy_;
    mutex_.unlock();
    job();
    mutex_.lock();
    --busy_;
    ended_.notify_all();
  }
  mutex_.unlock();
}

}  // namespace outboard::fusefs
