// Notifier: tells the kernel what to drop, from threads of its own.
//
// MountedVolume::post → queues, one for each directory and each node → two or three threads →
// kernel. A notification of a directory waits in the kernel for whoever holds that directory's
// lock, perhaps for a request we have not answered yet; so no request thread ever delivers one, and
// one directory that waits does not hold up the others.
//
// What always holds: notices of one queue are delivered in order; a queue is bounded, and one that
// is full becomes a single notice that drops everything it would have dropped.
// Lock order: one lock; the kernel is called without it.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "core/guarded.h"
#include "fusefs/kernel/fuse.h"
#include "fusefs/volume/invalidator.h"

namespace outboard::fusefs {

class Notifier final : public Invalidator {
 public:
  Notifier();
  // REQUIRES: detached.
  ~Notifier() override;
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  // From here on notices go to this session; before, the kernel has nothing to drop.
  void attach(fuse_session* session);
  // Drops what waits and returns when no thread uses the session any more.
  // REQUIRES: the session's requests are still answered, or its connection has ended.
  void detach();

  void post(std::vector<Notice> notices) override;
  bool flushed(Moment until) override;
  // What the kernel may not have heard yet, in an order in which it may be said again.
  std::vector<Notice> pending() const;

 private:
  struct Job {
    Notice notice;
    std::uint64_t ticket = 0;
  };
  // A directory's names, or a node's content: they wait for different locks.
  using Key = std::pair<NodeId, bool>;
  struct Queue {
    std::deque<Job> jobs;
    bool busy = false;
  };

  static Key key_of(const Notice& notice);
  void run();
  void collapse(Queue& queue) REQUIRES_LOCK(mutex_);
  void finish(const Job& job) REQUIRES_LOCK(mutex_);

  mutable Mutex mutex_;
  Condition work_;
  Condition done_;
  fuse_session* session_ GUARDED_BY(mutex_) = nullptr;
  bool stop_ GUARDED_BY(mutex_) = false;
  std::size_t active_ GUARDED_BY(mutex_) = 0;
  std::uint64_t last_ticket_ GUARDED_BY(mutex_) = 0;
  std::set<std::uint64_t> open_ GUARDED_BY(mutex_);  // tickets not yet delivered
  std::map<Key, Queue> queues_ GUARDED_BY(mutex_);
  std::map<std::uint64_t, Notice> delivering_ GUARDED_BY(mutex_);  // by ticket
  std::deque<Key> ready_ GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

}  // namespace outboard::fusefs
