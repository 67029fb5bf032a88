// The change feed: how a subscriber hears of a volume's changes, in order, without gaps.
//
// store → FeedSink::offer, on the feed's own thread, never blocking → the subscriber's queue.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/change.h"
#include "core/guarded.h"
#include "core/ids.h"
#include "core/limits.h"
#include "core/result.h"

namespace outboard {

// Every way a subscription can end. None is silent.
enum class FeedEnd : std::uint8_t {
  closed,          // the subscriber asked for it
  history_gone,    // the log no longer reaches back to the asked seq: take a snapshot
  too_slow,        // the queue was full: resume at the last seq received
  access_revoked,  // the token ended or no longer covers the volume
  volume_gone,
  server_stopping,  // resume elsewhere
  connection_lost,  // resume when it is back
};

std::string_view name_of(FeedEnd end);

// Changes of one transaction batch, contiguous; or only a mark that says "current up to `upto`". A
// mark also stands in the place of changes that the subscriber may not see: the next item goes on
// behind it.
struct FeedItem {
  VolumeId volume;
  std::vector<Change> changes;  // seqs rise by one; the last is `upto` when not empty
  Seq upto;
  std::optional<FeedEnd> end = {};  // set: nothing follows
  std::optional<bool> strict = {};  // of a mark: whether the volume is so by now; unset: not said
};

// Takes items. offer() must not block or call back into the store; false means "full": the
// subscription ends with too_slow, and the sink is told so by a last item that it may drop.
class FeedSink {
 public:
  virtual ~FeedSink() = default;
  virtual bool offer(const std::shared_ptr<const FeedItem>& item) = 0;
  // Whether programs are shown what it holds: then strict volumes wait for its acknowledgements.
  virtual bool shows() const { return false; }
  // Whether a kernel goes on showing it unasked: such a one is not counted on a strict volume until
  // it acknowledges that it has changed. [S7]
  virtual bool remembers() const { return false; }
  // What it holds already: SnapshotPart::loaded of the snapshot that it goes on from, so that it is
  // sent to take another when it may see something else by now. Empty: it does not say. [S40]
  virtual std::string loaded() const { return {}; }
};

// While it lives the sink is called; after its destructor returns, never again.
class Subscription {
 public:
  virtual ~Subscription() = default;
  // The subscriber has applied everything up to `seq`: strict volumes wait for it. With `remembers`
  // a kernel may still show what was before, so that for them it has acknowledged nothing. [S7]
  virtual void acknowledge(Seq seq, bool remembers) = 0;
  // A frozen subscriber passes a barrier before it shows anything again, so nobody waits for it.
  virtual void set_frozen(bool frozen) = 0;
  // Whether, as far as the store has said, strict volumes wait for its acknowledgements: not while
  // it is frozen, nor until the store has heard that it is so no more, nor without a stream. [S7]
  virtual bool counted() const { return true; }
};

// A bounded queue for a subscriber with a thread of its own.
class FeedQueue final : public FeedSink {
 public:
  explicit FeedQueue(std::size_t changes_max = kWatcherQueueChanges, bool shows = false,
                     std::string loaded = {}, bool remembers = false)
      : changes_max_(changes_max),
        shows_(shows),
        remembers_(remembers),
        loaded_(std::move(loaded)) {}

  bool offer(const std::shared_ptr<const FeedItem>& item) override;
  bool shows() const override { return shows_; }
  bool remembers() const override { return remembers_; }
  std::string loaded() const override { return loaded_; }
  // The next item; nothing when `until` has passed or wake() was called.
  std::shared_ptr<const FeedItem> next(Moment until);
  void wake();

 private:
  const std::size_t changes_max_;
  const bool shows_;
  const bool remembers_;
  const std::string loaded_;
  Mutex mutex_;
  Condition arrived_;
  std::deque<std::shared_ptr<const FeedItem>> items_ GUARDED_BY(mutex_);
  std::size_t changes_ GUARDED_BY(mutex_) = 0;
  bool woken_ GUARDED_BY(mutex_) = false;
};

}  // namespace outboard
