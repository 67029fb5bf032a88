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

void LockThreads::run() {
  pthread_setname_np(pthread_self(), "lock");
  mutex_.lock();
  for (;;) {
    while (!stop_ && jobs_.empty()) posted_.wait(mutex_);
    if (jobs_.empty()) break;
    const auto job = std::move(jobs_.front());
    jobs_.pop_front();
    mutex_.unlock();
    job();
    mutex_.lock();
  }
  mutex_.unlock();
}

}  // namespace outboard::fusefs
