// Flusher: the thread that publishes what nobody asks for: appends that have waited kAppendAge, and
// bytes that a release could not publish because the store was away.
#pragma once

#include <thread>

#include "core/guarded.h"
#include "fusefs/volume/volume.h"

namespace outboard::fusefs {

class Flusher {
 public:
  // Starts the thread "flush". The volume must outlive it.
  explicit Flusher(MountedVolume& volume);
  ~Flusher();
  Flusher(const Flusher&) = delete;
  Flusher& operator=(const Flusher&) = delete;

  // Nothing is published by it from here on. False: it still publishes at `until`, and goes on.
  bool pause(Moment until);
  void resume();

 private:
  void run();

  MountedVolume& volume_;
  Mutex mutex_;
  Condition woken_;
  bool stop_ GUARDED_BY(mutex_) = false;
  bool news_ GUARDED_BY(mutex_) = false;
  bool paused_ GUARDED_BY(mutex_) = false;
  bool busy_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace outboard::fusefs
