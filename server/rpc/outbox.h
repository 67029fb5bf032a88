// Outbox: what waits to be written to one watch stream: a bounded queue for each subscription.
//
// Place in the flow: feed threads offer() items into it through their sinks; whoever writes the
// stream takes a parcel at a time and turns it into a message, outside every lock. Items are
// shared with all other watchers: nothing is copied here.
//
// What always holds: the changes of one subscription leave in the order they came; after its end
// nothing leaves. Subscriptions take turns. Lists: a watcher that nothing waits for holds no
// buffer. Not locked: its owner does that.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "core/feed.h"
#include "outboard/v1/watch.pb.h"

namespace outboard::server {

// Some changes of an item: [begin, end).
struct FeedSlice {
  std::shared_ptr<const FeedItem> item;
  std::size_t begin = 0;
  std::size_t end = 0;
};

// One message's worth for one subscription; one of the kinds.
struct Parcel {
  std::uint64_t subscription = 0;
  VolumeId volume;
  bool subscribed = false;
  std::vector<FeedSlice> slices;
  bool more = false;  // the last slice's item goes on in the next parcel
  std::optional<Seq> mark;
  std::optional<bool> strict;  // with mark
  std::optional<FeedEnd> end;
  std::optional<Error> error;  // with end: why a subscribe was refused
  std::optional<bool> frozen;  // of no subscription: what the watcher is taken for
};

class Outbox {
 public:
  // False: that number is in use.
  bool open(std::uint64_t subscription, VolumeId volume);
  // Says so to the watcher; what was offered meanwhile follows.
  void confirm(std::uint64_t subscription);
  // False: full; the subscription ends with too_slow behind what waits already, so that a watcher
  // far behind gets a queue's worth nearer each time. True after any end: the item is dropped.
  bool offer(std::uint64_t subscription, const std::shared_ptr<const FeedItem>& item);
  // The last thing it hears; what still waits is dropped, to be sent anew when it resumes.
  void end(std::uint64_t subscription, FeedEnd reason, std::optional<Error> error = {});
  void end_all(FeedEnd reason);
  // What the watcher is taken for from here on: before all else that waits.
  void say_frozen(bool frozen) { frozen_ = frozen; }
  // Nobody reads any more.
  void clear();

  bool holds(std::uint64_t subscription) const { return lines_.contains(subscription); }
  std::size_t size() const { return lines_.size(); }
  std::optional<VolumeId> volume_of(std::uint64_t subscription) const;
  // The next message's worth; nothing when there is none.
  std::optional<Parcel> take();

 private:
  struct Line {
    VolumeId volume;
    bool confirmed = false;  // nothing but an end leaves before
    bool confirm = false;    // is yet to be said
    std::list<std::shared_ptr<const FeedItem>> items;
    std::size_t changes = 0;  // in items, less those already taken from the first
    std::size_t taken = 0;    // of the first item's changes
    std::optional<FeedEnd> end;
    std::unique_ptr<Error> error;  // rare, and large
    bool ready = false;            // stands in ready_
  };

  void make_ready(std::uint64_t subscription, Line& line);
  static void take_changes(Line& line, Parcel& parcel);

  std::map<std::uint64_t, Line> lines_;
  std::list<std::uint64_t> ready_;
  std::optional<bool> frozen_;
};

void write(const Parcel& parcel, v1::WatchResponse* to);

}  // namespace outboard::server
