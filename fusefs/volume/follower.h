// Follower: keeps a mounted volume current: subscribes, hands each feed item to it, reconnects.
//
// store's feed thread → FeedQueue → the follower's thread → MountedVolume::absorb_feed. When the
// log no longer reaches back, or the token may allow something else by now, it loads the tree anew;
// while the stream is down the volume is stale, and what is cached is still read.
#pragma once

#include <memory>
#include <string>
#include <thread>

#include "core/feed.h"
#include "core/guarded.h"
#include "core/store.h"
#include "fusefs/volume/volume.h"

namespace outboard::fusefs {

class Follower {
 public:
  // Starts the thread "follow". All three must outlive it.
  Follower(Store& store, MountedVolume& volume, const Clock& clock);
  // Ends the subscription, then the thread.
  ~Follower();
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

 private:
  void run();
  // Until the stream ends. Whether it worked at all.
  bool follow_once();
  // What the feed tells, until it ends. Whether anything came.
  bool take(Subscription& subscription, FeedQueue& queue);
  void handle_end(FeedEnd end);
  // The tree anew. Whether that worked.
  bool load();
  // Until the kernel keeps up, or the end.
  void await_kernel();
  void wait(std::chrono::milliseconds time);
  bool stopping() const;

  Store& store_;
  MountedVolume& volume_;
  const Clock& clock_;
  // The thread's own:
  bool behind_ = false;      // the log does not reach back: load before following on
  bool doubtful_ = false;    // the token may allow something else: load once it is followed again
  bool complained_ = false;  // that it could not be loaded: once is enough
  mutable Mutex mutex_;
  Condition woken_;
  bool stop_ GUARDED_BY(mutex_) = false;
  std::shared_ptr<FeedQueue> queue_ GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace outboard::fusefs
