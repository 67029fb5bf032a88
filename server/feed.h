// Feed: hands each volume's changes to its subscribers, in order and without gaps.
//
// PgCommit → published(); the listener → heard(); both only take note and wake the feed's thread,
// which fills gaps from the log (FeedLog) and offers to the sinks. A volume without subscribers
// costs one number; one with subscribers keeps its last kFeedRingChanges changes for those who come
// back.
//
// What always holds: to one sink seqs rise by one from the seq it subscribed at; a progress mark
// says what the log itself was seen to have, so a quiet volume proves every kProgressInterval that
// it is current, and a database that is away is known by silence. The mark says whether the volume
// is strict, too; who shows what it holds hears that first. [S7]
//
// Any thread may call. mutex_ guards what is noted; each subscriber has a lock of its own under
// which its sink is offered to, so that ~Subscription waits for an offer under way. Never both at
// once.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "core/counters.h"
#include "core/feed.h"
#include "core/guarded.h"
#include "core/mount_acks.h"
#include "core/result.h"

namespace outboard::server {

struct LogHead {
  Seq head;             // the volume's last seq
  Seq pruned;           // changes up to here are no longer kept
  bool strict = false;  // whether the volume is, at that seq
};

// Where the feed reads what it was not handed. All may fail with unavailable.
class FeedLog {
 public:
  virtual ~FeedLog() = default;
  // Volumes that are gone are missing in the answer.
  virtual Result<std::map<VolumeId, LogHead>> heads(const std::vector<VolumeId>& volumes) = 0;
  virtual Result<std::vector<Change>> changes(VolumeId volume, Seq after, std::size_t limit) = 0;
};

// How changes that are read from the log come to the subscribers.
enum class FeedUnit {
  some,   // as many at once as is good
  whole,  // from one known head to the next as one item; too many for one: history_gone
};

class Feed {
 public:
  // The log is used by subscribe()'s callers and by the feed's thread.
  explicit Feed(FeedLog& log, std::chrono::milliseconds mark_every = kProgressInterval,
                FeedUnit unit = FeedUnit::some);
  // Ends every subscription with server_stopping.
  ~Feed();
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;

  // A commit of this process. `changes` are contiguous.
  void published(VolumeId volume, std::vector<Change> changes);
  // Somebody says that the volume has reached `upto`.
  void heard(VolumeId volume, Seq upto);
  // Hints may have been lost: read the heads of all subscribed volumes.
  void doubt();
  // Its settings are others: its subscribers are told at once.
  void changed(VolumeId volume);

  // history_gone: the log does not reach back to `after`, or has not come so far. not_found.
  Result<std::unique_ptr<Subscription>> subscribe(VolumeId volume, Seq after,
                                                  std::shared_ptr<FeedSink> sink);

  // What the subscribers that show something have acknowledged. [S7]
  MountAcks& acks() { return *acks_; }

  // True when the volume is known to have reached `seq` before `until`.
  bool wait(VolumeId volume, Seq seq, Moment until);

  // Subscriptions, and how far delivery is behind what is known.
  void measure(Figures& to);

 private:
  struct Subscriber;
  class Handle;
  using Item = std::shared_ptr<const FeedItem>;
  using SubscriberPtr = std::shared_ptr<Subscriber>;
  struct Stream {
    Seq known;   // the highest seq anybody told of
    Seq ringed;  // the last seq in the ring; kept only while there are subscribers
    std::deque<Item> ring;
    std::size_t ring_changes = 0;
    std::size_t waiters = 0;
    std::vector<SubscriberPtr> subscribers;
  };

  void run();
  void deliver(VolumeId volume);
  bool extend(VolumeId volume);
  void append(Stream& stream, Item item) REQUIRES_LOCK(mutex_);
  Item from_ring(const Stream& stream, Seq after) REQUIRES_LOCK(mutex_);
  void advance(VolumeId volume, const SubscriberPtr& subscriber);
  Result<Item> read(VolumeId volume, Seq after, Seq upto);
  // Of all volumes that somebody waits for.
  void mark_all();
  void mark(const std::vector<VolumeId>& volumes);
  void mark(VolumeId volume, const LogHead& head);
  void greet(VolumeId volume, const SubscriberPtr& subscriber);
  bool offer(VolumeId volume, const SubscriberPtr& subscriber, const Item& item);
  void end(VolumeId volume, const SubscriberPtr& subscriber, FeedEnd why);
  void remove(VolumeId volume, const SubscriberPtr& subscriber);
  std::vector<SubscriberPtr> subscribers_of(VolumeId volume);

  FeedLog& log_;
  const std::shared_ptr<MountAcks> acks_ = std::make_shared<MountAcks>();
  const std::chrono::milliseconds mark_every_;
  const FeedUnit unit_;
  Counter cut_;  // subscribers that were too slow
  Mutex mutex_;
  Condition changed_;   // for the feed's thread
  Condition advanced_;  // for wait()
  std::map<VolumeId, Stream> streams_ GUARDED_BY(mutex_);
  std::set<VolumeId> dirty_ GUARDED_BY(mutex_);
  std::set<VolumeId> unmarked_ GUARDED_BY(mutex_);  // changed()
  bool doubtful_ GUARDED_BY(mutex_) = false;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace outboard::server
