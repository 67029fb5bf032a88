// EventLoop: the one thread that waits for all commands of the agent at once.
//
// Descriptors (commands' output, conversations with the inner layer) and moments (timeouts) →
// callbacks, all on the thread that is in run(). Callbacks do short work and never wait.
//
// add, remove, at, post: any thread. A callback may remove its own descriptor. After remove() has
// returned on the loop's thread, the callback is not called again; on another thread it may still
// be running, so what it refers to must be owned by it (a shared_ptr).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "core/clock.h"
#include "core/guarded.h"

namespace outboard::harness {

class EventLoop {
 public:
  explicit EventLoop(const Clock& clock);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  using Callback = std::function<void()>;

  // Calls `ready` whenever `fd` can be read or is at its end.
  void add(int fd, Callback ready);
  void remove(int fd);
  // Calls once, not before `when`; nothing to cancel it by: let the callback look for itself.
  void at(Moment when, Callback due);
  // Calls soon, on the loop's thread.
  void post(Callback work) { at(Moment::min(), std::move(work)); }

  // Serves until stop(). Its caller is the loop's thread.
  void run();
  void stop();

 private:
  using Ready = std::shared_ptr<const Callback>;

  void wake();
  int wait_ms();
  void call_due();

  const Clock& clock_;
  const int epoll_;
  const int wake_;
  Mutex mutex_;
  std::map<int, Ready> ready_ GUARDED_BY(mutex_);
  std::multimap<Moment, Callback> due_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
};

}  // namespace outboard::harness
