#include "server/feed.h"

#include <pthread.h>

#include <algorithm>

namespace outboard::server {
namespace {

// Changes read from the log at once: under half a megabyte.
constexpr std::size_t kLogRead = 1'024;

}  // namespace

struct Feed::Subscriber {
  explicit Subscriber(std::shared_ptr<FeedSink> to, const LogHead& head, Seq after)
      : sink(std::move(to)), cursor(after) {
    if (sink->shows()) unsaid = head.strict;
  }
  const std::shared_ptr<FeedSink> sink;
  // The feed's thread alone:
  Seq cursor;
  std::optional<bool> unsaid;  // whether the volume is strict: its first word
  Mutex mutex;
  bool gone GUARDED_BY(mutex) = false;
};

// Touches the subscriber and the acknowledgements only, so it may outlive the feed.
class Feed::Handle final : public Subscription {
 public:
  Handle(VolumeId volume, SubscriberPtr subscriber, std::shared_ptr<MountAcks> acks)
      : volume_(volume), subscriber_(std::move(subscriber)), acks_(std::move(acks)) {
    const FeedSink& sink = *subscriber_->sink;
    if (sink.shows()) mount_ = acks_->join(volume_, subscriber_->cursor, sink.remembers());
  }
  ~Handle() override {
    {
      Lock lock(subscriber_->mutex);
      subscriber_->gone = true;
    }
    if (mount_ != 0) acks_->leave(volume_, mount_, std::chrono::steady_clock::now());
  }
  void acknowledge(Seq seq, bool remembers) override {
    if (mount_ != 0) acks_->acknowledge(volume_, mount_, seq, remembers);
  }
  void set_frozen(bool frozen) override {
    if (mount_ != 0) acks_->set_frozen(volume_, mount_, frozen);
  }

 private:
  const VolumeId volume_;
  const SubscriberPtr subscriber_;
  const std::shared_ptr<MountAcks> acks_;
  MountAcks::Key mount_ = 0;  // 0: it shows nothing
};

Feed::Feed(FeedLog& log, std::chrono::milliseconds mark_every, FeedUnit unit)
    : log_(log), mark_every_(mark_every), unit_(unit), thread_([this] { run(); }) {}

Feed::~Feed() {
  {
    Lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  advanced_.notify_all();
  thread_.join();
  std::map<VolumeId, Stream> streams;
  {
    Lock lock(mutex_);
    streams.swap(streams_);
  }
  for (const auto& [volume, stream] : streams) {
    for (const auto& subscriber : stream.subscribers) {
      end(volume, subscriber, FeedEnd::server_stopping);
    }
  }
}

void Feed::published(VolumeId volume, std::vector<Change> changes) {
  if (changes.empty()) return;
  const Seq first = changes.front().seq;
  const Seq last = changes.back().seq;
  auto item = std::make_shared<FeedItem>(FeedItem{volume, std::move(changes), last, std::nullopt});
  {
    Lock lock(mutex_);
    Stream& stream = streams_[volume];
    stream.known = std::max(stream.known, last);
    if (!stream.subscribers.empty()) {
      if (first.value == stream.ringed.value + 1) append(stream, std::move(item));
      dirty_.insert(volume);
      changed_.notify_one();
    }
  }
  advanced_.notify_all();
}

void Feed::heard(VolumeId volume, Seq upto) {
  {
    Lock lock(mutex_);
    Stream& stream = streams_[volume];
    if (upto <= stream.known) return;
    stream.known = upto;
    if (!stream.subscribers.empty()) {
      dirty_.insert(volume);
      changed_.notify_one();
    }
  }
  advanced_.notify_all();
}

void Feed::doubt() {
  Lock lock(mutex_);
  doubtful_ = true;
  changed_.notify_one();
}

void Feed::changed(VolumeId volume) {
  Lock lock(mutex_);
  unmarked_.insert(volume);
  changed_.notify_one();
}

Result<std::unique_ptr<Subscription>> Feed::subscribe(VolumeId volume, Seq after,
                                                      std::shared_ptr<FeedSink> sink) {
  auto heads = log_.heads({volume});
  if (!heads) return heads.error();
  const auto head = heads->find(volume);
  if (head == heads->end()) {
    return Error{Code::not_found, "there is no volume " + to_string(volume)};
  }
  if (after < head->second.pruned || after > head->second.head) {
    return Error{Code::history_gone,
                 "the log of this volume reaches from seq " + to_string(head->second.pruned) +
                     " to " + to_string(head->second.head) + ", not to " + to_string(after) +
                     ": take a snapshot and follow from its seq"};
  }
  auto subscriber = std::make_shared<Subscriber>(std::move(sink), head->second, after);
  auto handle = std::make_unique<Handle>(volume, subscriber, acks_);
  Lock lock(mutex_);
  if (stopping_) return Error{Code::unavailable, "the server is stopping: subscribe elsewhere"};
  Stream& stream = streams_[volume];
  stream.known = std::max(stream.known, head->second.head);
  if (stream.subscribers.empty()) {
    stream.ringed = head->second.head;
    stream.ring.clear();
    stream.ring_changes = 0;
  }
  stream.subscribers.push_back(std::move(subscriber));
  dirty_.insert(volume);
  changed_.notify_one();
  return std::unique_ptr<Subscription>(std::move(handle));
}

bool Feed::wait(VolumeId volume, Seq seq, Moment until) {
  Lock lock(mutex_);
  Stream& stream = streams_[volume];
  ++stream.waiters;
  while (stream.known < seq && !stopping_) {
    if (!advanced_.wait_until(mutex_, until)) break;
  }
  --stream.waiters;
  return stream.known >= seq;
}

void Feed::measure(Figures& to) {
  std::size_t subscriptions = 0;
  std::size_t volumes = 0;
  std::uint64_t behind = 0;
  {
    Lock lock(mutex_);
    for (const auto& [volume, stream] : streams_) {
      if (stream.subscribers.empty()) continue;
      ++volumes;
      subscriptions += stream.subscribers.size();
      if (stream.known > stream.ringed) {
        behind = std::max(behind, stream.known.value - stream.ringed.value);
      }
    }
  }
  to.level("outboard_feed_subscriptions", "Subscriptions of watchers, one for each volume of each.",
           static_cast<double>(subscriptions));
  to.level("outboard_feed_volumes", "Volumes that somebody watches.", static_cast<double>(volumes));
  to.level("outboard_feed_lag_changes",
           "Changes committed and not yet handed out, of the volume that is furthest behind.",
           static_cast<double>(behind));
  to.count("outboard_feed_cut_total", "Subscriptions ended because their reader was too slow.",
           cut_.value());
}

void Feed::run() {
  pthread_setname_np(pthread_self(), unit_ == FeedUnit::whole ? "feed-published" : "feed");
  Moment next_mark = std::chrono::steady_clock::now() + mark_every_;
  for (;;) {
    std::set<VolumeId> volumes;
    std::set<VolumeId> unmarked;
    bool marking = false;
    {
      Lock lock(mutex_);
      while (!stopping_ && dirty_.empty() && unmarked_.empty() && !doubtful_) {
        if (!changed_.wait_until(mutex_, next_mark)) break;
      }
      if (stopping_) return;
      volumes.swap(dirty_);
      unmarked.swap(unmarked_);
      marking = std::exchange(doubtful_, false) || std::chrono::steady_clock::now() >= next_mark;
    }
    for (const VolumeId volume : volumes) deliver(volume);
    if (!unmarked.empty()) mark({unmarked.begin(), unmarked.end()});
    if (!marking) continue;
    mark_all();
    next_mark = std::chrono::steady_clock::now() + mark_every_;
  }
}

std::vector<Feed::SubscriberPtr> Feed::subscribers_of(VolumeId volume) {
  Lock lock(mutex_);
  const auto stream = streams_.find(volume);
  return stream == streams_.end() ? std::vector<SubscriberPtr>{} : stream->second.subscribers;
}

void Feed::deliver(VolumeId volume) {
  while (extend(volume)) {
  }
  for (const auto& subscriber : subscribers_of(volume)) {
    advance(volume, subscriber);
    greet(volume, subscriber);
  }
}

void Feed::greet(VolumeId volume, const SubscriberPtr& subscriber) {
  const auto strict = std::exchange(subscriber->unsaid, std::nullopt);
  if (!strict) return;
  offer(volume, subscriber,
        std::make_shared<FeedItem>(FeedItem{volume, {}, subscriber->cursor, {}, strict}));
}

// Reads on from the log when the ring ends before what is known. True: there may be more.
bool Feed::extend(VolumeId volume) {
  Seq ringed;
  Seq known;
  {
    Lock lock(mutex_);
    const Stream& stream = streams_[volume];
    ringed = stream.ringed;
    known = stream.known;
    if (known <= ringed || stream.subscribers.empty()) return false;
  }
  auto item = read(volume, ringed, known);
  if (!item || (!*item && unit_ == FeedUnit::some)) return false;  // the next mark tries again
  Lock lock(mutex_);
  Stream& stream = streams_[volume];
  if (!*item) {  // too many for one: each subscriber that is behind is told so
    stream.ring.clear();
    stream.ring_changes = 0;
    stream.ringed = std::max(stream.ringed, known);
    return false;
  }
  if (stream.ringed == ringed) append(stream, *std::move(item));
  return stream.ringed < stream.known;
}

void Feed::append(Stream& stream, Item item) {
  stream.ringed = item->upto;
  stream.ring_changes += item->changes.size();
  stream.ring.push_back(std::move(item));
  while (stream.ring_changes > kFeedRingChanges && stream.ring.size() > 1) {
    stream.ring_changes -= stream.ring.front()->changes.size();
    stream.ring.pop_front();
  }
}

// What follows `after`; nothing when the ring does not hold it.
Feed::Item Feed::from_ring(const Stream& stream, Seq after) {
  const Seq next{after.value + 1};
  const auto at = std::lower_bound(stream.ring.begin(), stream.ring.end(), next,
                                   [](const Item& item, Seq seq) { return item->upto < seq; });
  if (at == stream.ring.end() || (*at)->changes.front().seq > next) return nullptr;
  if ((*at)->changes.front().seq == next) return *at;
  auto rest = std::make_shared<FeedItem>(**at);
  std::erase_if(rest->changes, [&](const Change& change) { return change.seq < next; });
  return rest;
}

void Feed::advance(VolumeId volume, const SubscriberPtr& subscriber) {
  for (;;) {
    Item item;
    Seq ringed;
    {
      Lock lock(mutex_);
      const Stream& stream = streams_[volume];
      ringed = stream.ringed;
      if (subscriber->cursor >= ringed) return;
      item = from_ring(stream, subscriber->cursor);
    }
    if (!item) {
      auto read_item = read(volume, subscriber->cursor, ringed);
      if (!read_item) return;  // the database is away: the next mark tries again
      if (!*read_item) return end(volume, subscriber, FeedEnd::history_gone);
      item = *std::move(read_item);
    }
    if (!offer(volume, subscriber, item)) return;
    subscriber->cursor = item->upto;
  }
}

// The changes behind `after`, at most to `upto`; nothing when the log lacks the next one, or when
// they have to come as one and are too many.
Result<Feed::Item> Feed::read(VolumeId volume, Seq after, Seq upto) {
  const std::size_t left = upto.value - after.value;
  if (unit_ == FeedUnit::whole && left > kPublishChangesMax) return Item{};
  const std::size_t limit = unit_ == FeedUnit::whole ? left : std::min(kLogRead, left);
  auto changes = log_.changes(volume, after, limit);
  if (!changes) return changes.error();
  if (changes->empty() || changes->front().seq.value != after.value + 1) return Item{};
  if (unit_ == FeedUnit::whole && changes->size() < left) return Item{};
  const Seq last = changes->back().seq;
  return Item{
      std::make_shared<FeedItem>(FeedItem{volume, *std::move(changes), last, std::nullopt})};
}

bool Feed::offer(VolumeId volume, const SubscriberPtr& subscriber, const Item& item) {
  bool taken = false;
  {
    Lock lock(subscriber->mutex);
    if (!subscriber->gone) taken = subscriber->sink->offer(item);
    if (taken) return true;
    if (!subscriber->gone) {
      subscriber->gone = true;
      cut_.add();
      subscriber->sink->offer(
          std::make_shared<FeedItem>(FeedItem{volume, {}, subscriber->cursor, FeedEnd::too_slow}));
    }
  }
  remove(volume, subscriber);
  return false;
}

void Feed::end(VolumeId volume, const SubscriberPtr& subscriber, FeedEnd why) {
  {
    Lock lock(subscriber->mutex);
    if (!subscriber->gone) {
      subscriber->gone = true;
      subscriber->sink->offer(
          std::make_shared<FeedItem>(FeedItem{volume, {}, subscriber->cursor, why}));
    }
  }
  remove(volume, subscriber);
}

void Feed::remove(VolumeId volume, const SubscriberPtr& subscriber) {
  Lock lock(mutex_);
  Stream& stream = streams_[volume];
  std::erase(stream.subscribers, subscriber);
  if (!stream.subscribers.empty()) return;
  stream.ring.clear();
  stream.ring_changes = 0;
}

// Proves to every subscriber how far its volume has come, and finds what no hint told of.
void Feed::mark_all() {
  std::vector<VolumeId> volumes;
  {
    Lock lock(mutex_);
    for (const auto& [volume, stream] : streams_) {
      if (!stream.subscribers.empty() || stream.waiters > 0) volumes.push_back(volume);
    }
  }
  if (!volumes.empty()) mark(volumes);
}

void Feed::mark(const std::vector<VolumeId>& volumes) {
  auto heads = log_.heads(volumes);
  if (!heads) return;  // silence is how a subscriber learns of it
  for (const VolumeId volume : volumes) {
    const auto head = heads->find(volume);
    if (head != heads->end()) {
      heard(volume, head->second.head);
      mark(volume, head->second);
      continue;
    }
    for (const auto& subscriber : subscribers_of(volume)) {
      end(volume, subscriber, FeedEnd::volume_gone);
    }
  }
}

// Who is past the head that was read has been told more since, and is told the rest all the same: a
// volume that is never quiet may turn strict.
void Feed::mark(VolumeId volume, const LogHead& head) {
  deliver(volume);
  auto item = std::make_shared<FeedItem>(FeedItem{volume, {}, head.head, {}, head.strict});
  for (const auto& subscriber : subscribers_of(volume)) {
    if (subscriber->cursor < head.head) continue;
    if (subscriber->cursor != item->upto) {
      item = std::make_shared<FeedItem>(*item);
      item->upto = subscriber->cursor;
    }
    offer(volume, subscriber, item);
  }
}

}  // namespace outboard::server
