// Mutex and Guarded<T>: a lock and what it guards, as one thing.
//
// Clang's thread-safety analysis reads the annotations (the `clang` preset makes them errors);
// g++ ignores them. Never call out (store, kernel, log) while holding one.
#pragma once

#include <condition_variable>
#include <mutex>
#include <utility>

#include "core/clock.h"

#if defined(__clang__)
#define OUTBOARD_ANNOTATE(x) __attribute__((x))
#else
#define OUTBOARD_ANNOTATE(x)
#endif
// Abseil, which comes with gRPC, has one of the same meaning.
#undef GUARDED_BY
#define GUARDED_BY(mutex) OUTBOARD_ANNOTATE(guarded_by(mutex))
#define REQUIRES_LOCK(...) OUTBOARD_ANNOTATE(requires_capability(__VA_ARGS__))
#define EXCLUDES_LOCK(...) OUTBOARD_ANNOTATE(locks_excluded(__VA_ARGS__))

namespace outboard {

class OUTBOARD_ANNOTATE(capability("mutex")) Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock() OUTBOARD_ANNOTATE(acquire_capability()) { mutex_.lock(); }
  void unlock() OUTBOARD_ANNOTATE(release_capability()) { mutex_.unlock(); }

 private:
  friend class Condition;
  std::mutex mutex_;
};

class OUTBOARD_ANNOTATE(scoped_lockable) Lock {
 public:
  explicit Lock(Mutex& mutex) OUTBOARD_ANNOTATE(acquire_capability(mutex)) : mutex_(mutex) {
    mutex_.lock();
  }
  ~Lock() OUTBOARD_ANNOTATE(release_capability()) { mutex_.unlock(); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  Mutex& mutex_;
};

// Waits under a Mutex that the caller holds. The caller loops on its own condition.
class Condition {
 public:
  void wait(Mutex& mutex) REQUIRES_LOCK(mutex) {
    std::unique_lock<std::mutex> held(mutex.mutex_, std::adopt_lock);
    condition_.wait(held);
    held.release();
  }
  // False when `until` has passed.
  bool wait_until(Mutex& mutex, Moment until) REQUIRES_LOCK(mutex) {
    std::unique_lock<std::mutex> held(mutex.mutex_, std::adopt_lock);
    const bool woken = condition_.wait_until(held, until) == std::cv_status::no_timeout;
    held.release();
    return woken;
  }
  void notify_all() { condition_.notify_all(); }
  void notify_one() { condition_.notify_one(); }

 private:
  std::condition_variable condition_;
};

// A value that can only be reached under its lock: `guarded.with([](T& t) { … })`.
template <class T>
class Guarded {
 public:
  template <class... Args>
  explicit Guarded(Args&&... args) : value_(std::forward<Args>(args)...) {}

  template <class F>
  auto with(F&& body) {
    Lock lock(mutex_);
    return body(value_);
  }
  template <class F>
  auto with(F&& body) const {
    Lock lock(mutex_);
    return body(value_);
  }

 private:
  mutable Mutex mutex_;
  T value_ GUARDED_BY(mutex_);
};

}  // namespace outboard
