#include "server/rpc/worker_pool.h"

#include <pthread.h>

#include <algorithm>

#include <utility>

namespace outboard::server {

WorkerPool::WorkerPool(std::string name, std::size_t threads, std::size_t queue_max)
    : queue_max_(queue_max) {
  constexpr std::size_t kThreadNameBytesMax = 15;
  name.resize(std::min(name.size(), kThreadNameBytesMax));
  threads_.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { run(); });
    pthread_setname_np(threads_.back().native_handle(), name.c_str());
  }
}

WorkerPool::~WorkerPool() {
  stop();
}

bool WorkerPool::post(std::function<void()> task) {
  {
    Lock lock(mutex_);
    if (stopping_ || queue_.size() >= queue_max_) return false;
    queue_.push_back(std::move(task));
  }
  arrived_.notify_one();
  return true;
}

void WorkerPool::stop() {
  {
    Lock lock(mutex_);
    stopping_ = true;
  }
  arrived_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

std::size_t WorkerPool::waiting() {
  Lock lock(mutex_);
  return queue_.size();
}

void WorkerPool::run() {
  for (;;) {
    std::function<void()> task;
    {
      Lock lock(mutex_);
      while (queue_.empty() && !stopping_) arrived_.wait(mutex_);
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
    }
    task();
  }
}

}  // namespace outboard::server
