// Notifier: tells the kernel what to drop, from threads of its own.
//
// MountedVolume::post → queues, one for each directory and each node → two or three threads →
// kernel. A notification of a directory waits in the kernel for whoever holds that directory's
// lock, perhaps for a request we have not answered yet; so no request thread ever delivers one, and
// one directory that waits does not hold up the others.
//
// What always holds: notices of one queue are delivered in order, and what waits for a name or a
// node does what a later one asks for, too: a directory's queue is as long as the names in it that
// changed. When too much waits has_room() says so, and no more news are taken in: nothing is ever
// dropped, nor the kernel made to forget more than changed, which would take out of the tree what
// is mounted upon directories of the view. [S56]
// Lock order: one lock; the kernel is called without it.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string_view>
#include <thread>
#include <unordered_map>
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
  bool has_room(Moment until) override;
  bool forget_names() override;
  // What the kernel may not have heard yet, in an order in which it may be said again.
  std::vector<Notice> pending() const;

 private:
  struct Job {
    Notice notice;
    std::uint64_t ticket = 0;
    // Of all that came to it; each belongs to a node that the kernel still has.
    std::vector<std::shared_ptr<std::atomic<bool>>> delivered;
  };
  // A directory's names, or a node's content: they wait for different locks.
  using Key = std::pair<NodeId, bool>;
  struct Queue {
    std::list<Job> jobs;
    std::unordered_map<std::string_view, Job*> by_name;  // of a directory's, its jobs
    bool busy = false;
  };

  static Key key_of(const Notice& notice);
  void run();
  // Whether something that waits does what `notice` asks for, by now.
  static bool join(Queue& queue, Notice& notice);
  void enqueue(const Key& key, Queue& queue, Notice notice) REQUIRES_LOCK(mutex_);
  Job take(Queue& queue) REQUIRES_LOCK(mutex_);
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
  std::size_t waiting_ GUARDED_BY(mutex_) = 0;  // jobs in all queues
  std::vector<std::thread> threads_;
};

}  // namespace outboard::fusefs
