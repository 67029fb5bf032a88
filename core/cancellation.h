// Cancellation: tells a call under way that nobody waits for its answer any more.
//
// kernel's interrupt → request() → hooks: a condition is woken, a gRPC call is cancelled. Who waits
// for the store answers timed_out then: whether it happened is as unknown as after a deadline.
//
// Any thread. A hook runs once, on the thread that requests (or at once, when that was before it
// was made); it must not block, nor end its own Hook.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "core/clock.h"
#include "core/guarded.h"

namespace outboard {

class Cancellation {
 public:
  // While it lives, its function is called when the call is given up. Its destructor waits for the
  // function, should it be running. Nothing to do without a cancellation.
  class Hook {
   public:
    Hook(std::shared_ptr<Cancellation> of, std::function<void()> run);
    ~Hook();
    Hook(const Hook&) = delete;
    Hook& operator=(const Hook&) = delete;

   private:
    const std::shared_ptr<Cancellation> of_;
    std::uint64_t number_ = 0;  // 0: it has run
  };

  // A second call does nothing.
  void request();
  bool requested() const;
  // Whether it was requested; waits for that until `until`.
  bool wait_until(Moment until) const;

 private:
  mutable Mutex mutex_;
  mutable Condition changed_;
  bool requested_ GUARDED_BY(mutex_) = false;
  std::uint64_t last_ GUARDED_BY(mutex_) = 0;
  std::uint64_t running_ GUARDED_BY(mutex_) = 0;
  std::map<std::uint64_t, std::function<void()>> hooks_ GUARDED_BY(mutex_);
};

}  // namespace outboard
