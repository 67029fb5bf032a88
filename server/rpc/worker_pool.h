// WorkerPool: a fixed number of named threads that run what is handed to them, oldest first.
//
// The queue is bounded: when it is full, post() says so at once and nothing is kept.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "core/guarded.h"

namespace outboard::server {

class WorkerPool {
 public:
  // `name` shows in top and gdb; the system keeps 15 characters of it.
  WorkerPool(std::string name, std::size_t threads, std::size_t queue_max);
  // As stop().
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // From any thread. False: full or stopped; the task will not run.
  bool post(std::function<void()> task);
  // Runs what is queued, then ends the threads. Not from a task.
  void stop();
  // Tasks that wait for a thread.
  std::size_t waiting();

 private:
  void run();

  const std::size_t queue_max_;
  Mutex mutex_;
  Condition arrived_;
  std::deque<std::function<void()>> queue_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace outboard::server
