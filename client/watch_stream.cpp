#include "client/watch_stream.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "core/log.h"
#include "proto/convert.h"

namespace outboard::client {
namespace {

Moment now() {
  return std::chrono::steady_clock::now();
}

// What ended a subscription for good, when asking again was refused.
FeedEnd end_of(const Error& error) {
  if (error.code == Code::history_gone) return FeedEnd::history_gone;
  if (error.code == Code::not_found) return FeedEnd::volume_gone;
  if (error.code == Code::unauthenticated || error.code == Code::no_access) {
    return FeedEnd::access_revoked;
  }
  return FeedEnd::closed;
}

bool may_pass(const Error& error) {
  return error.code == Code::unavailable || error.code == Code::timed_out;
}

}  // namespace

// What subscribe() gives out.
class WatchStream::Held final : public Subscription {
 public:
  Held(WatchStream& stream, std::uint64_t key) : stream_(stream), key_(key) {}
  ~Held() override { stream_.forget(key_); }

  void acknowledge(Seq seq, bool remembers) override {
    const Lock lock(stream_.mutex_);
    const auto line = stream_.lines_.find(key_);
    if (line == stream_.lines_.end()) return;
    line->second.acknowledged = std::max(line->second.acknowledged, seq);
    line->second.unsaid = line->second.unsaid || line->second.remembers != remembers;
    line->second.remembers = remembers;
    stream_.changed_.notify_all();
  }
  void set_frozen(bool frozen) override { stream_.set_frozen(frozen); }
  bool counted() const override {
    const Lock lock(stream_.mutex_);
    const auto line = stream_.lines_.find(key_);
    return line != stream_.lines_.end() && line->second.confirmed && stream_.counted_ &&
           !stream_.frozen_;
  }

 private:
  WatchStream& stream_;
  const std::uint64_t key_;
};

WatchStream::WatchStream(const Channel& channel)
    : channel_(channel),
      stub_(v1::WatchService::NewStub(channel.channel())),
      reader_([this] { read_all(); }),
      writer_([this] { write_all(); }) {
  pthread_setname_np(reader_.native_handle(), "outboard-watch");
  pthread_setname_np(writer_.native_handle(), "outboard-ack");
}

WatchStream::~WatchStream() {
  stop();
  reader_.join();
  writer_.join();
}

void WatchStream::stop() {
  const Lock lock(mutex_);
  stopping_ = true;
  if (context_ != nullptr) context_->TryCancel();
  changed_.notify_all();
}

Result<std::unique_ptr<Subscription>> WatchStream::subscribe(Moment deadline, VolumeId volume,
                                                             Seq after,
                                                             std::shared_ptr<FeedSink> sink) {
  std::uint64_t key = 0;
  Error error;
  {
    const Lock lock(mutex_);
    key = next_key_++;
    Line line;
    line.volume = volume;
    line.last = after;
    line.remembers = sink->remembers();
    line.sink = std::move(sink);
    const auto place = lines_.emplace(key, std::move(line)).first;
    changed_.notify_all();
    while (place->second.stage == Stage::asking && !stopping_) {
      if (!changed_.wait_until(mutex_, deadline) && now() >= deadline) break;
    }
    if (place->second.stage == Stage::live)
      return std::unique_ptr<Subscription>(new Held(*this, key));
    error.code = stopping_ ? Code::unavailable : Code::timed_out;
    error.message = stopping_ ? "this client is ending"
                              : "the server did not confirm the subscription in time; try again";
    if (place->second.refused) error = *place->second.refused;
  }
  forget(key);
  return error;
}

void WatchStream::set_frozen(bool frozen) {
  const Lock lock(mutex_);
  frozen_ = frozen;
  changed_.notify_all();
}

bool WatchStream::await_frozen(Moment deadline) {
  const Lock lock(mutex_);
  while (frozen_ && !asleep_ && heard_ && !lines_.empty() && !stopping_) {
    if (!changed_.wait_until(mutex_, deadline) && now() >= deadline) break;
  }
  return frozen_ && asleep_;
}

bool WatchStream::connected() const {
  const Lock lock(mutex_);
  return lines_.empty() || heard_;
}

bool WatchStream::await_connected(Moment deadline) {
  const Lock lock(mutex_);
  while (!lines_.empty() && !heard_ && !stopping_) {
    if (!changed_.wait_until(mutex_, deadline) && now() >= deadline) break;
  }
  return lines_.empty() || heard_;
}

Moment WatchStream::current_as_of() const {
  const Lock lock(mutex_);
  return lines_.empty() ? now() : heard_at_;
}

Moment WatchStream::heard_since() const {
  const Lock lock(mutex_);
  return now() - heard_at_ < kLeaseSilence ? heard_since_ : Moment::max();
}

// ── The reader ──────────────────────────────────────────────────────────────────────────────────

void WatchStream::read_all() {
  Retry retry = channel_.retry_until(Moment::max());
  for (;;) {
    {
      const Lock lock(mutex_);
      while (!stopping_ && lines_.empty()) changed_.wait(mutex_);
      if (stopping_) return;
    }
    const std::string token = channel_.token();
    const grpc::Status status = read_stream(token);
    bool heard = false;
    {
      const Lock lock(mutex_);
      heard = std::exchange(heard_, false);
    }
    after_stream(status, token);
    if (heard) retry.reset();
    Error broken;
    broken.code = Code::unavailable;
    const Moment again = *retry.next(broken, now());
    const Lock lock(mutex_);
    while (!stopping_ && now() < again) changed_.wait_until(mutex_, again);
  }
}

grpc::Status WatchStream::read_stream(const std::string& token) {
  grpc::ClientContext context;
  channel_.identify(context, token);
  // For as long as the server is away: a connection is made while somebody waits for it. [D39]
  context.set_wait_for_ready(true);
  {
    const Lock lock(mutex_);
    if (stopping_) return grpc::Status::CANCELLED;
    context_ = &context;
  }
  const auto stream = stub_->Watch(&context);
  {
    const Lock lock(mutex_);
    stream_ = stream.get();
    greeted_ = false;
    leaving_.clear();
    for (auto& [key, line] : lines_) {
      line.on_wire = 0;
      line.ask_from = Moment{};  // what a former server asked to wait for is over
      line.said = Seq{};
    }
    changed_.notify_all();
  }
  v1::WatchResponse response;
  while (stream->Read(&response)) {
    {
      const Lock lock(mutex_);
      if (!std::exchange(heard_, true)) changed_.notify_all();
      const Moment at = now();
      if (at - heard_at_ >= kLeaseSilence) heard_since_ = at;
      heard_at_ = at;
    }
    take(response, token);
  }
  {
    const Lock lock(mutex_);
    for (auto& [key, line] : lines_) line.confirmed = false;
    stream_ = nullptr;  // the stream is over, so a write under way fails and returns
    while (writing_) changed_.wait(mutex_);
    context_ = nullptr;
  }
  return stream->Finish();
}

// Without a good token nothing more will come, unless there is another by now.
void WatchStream::after_stream(const grpc::Status& status, const std::string& token) {
  if (status.ok()) return;
  const Error error = wire::to_error(status);
  const bool over = error.code == Code::unauthenticated && channel_.token() == token;
  std::vector<std::uint64_t> keys;
  {
    const Lock lock(mutex_);
    for (auto& [key, line] : lines_) {
      line.refused = error;  // what subscribe() says when its time is over
      keys.push_back(key);
    }
  }
  if (!over) return;
  for (const std::uint64_t key : keys) end(key, FeedEnd::access_revoked, error);
}

WatchStream::Lines::iterator WatchStream::find_on_wire(std::uint64_t number) {
  return std::find_if(lines_.begin(), lines_.end(), [number](const auto& line) {
    return number != 0 && line.second.on_wire == number;
  });
}

void WatchStream::take(const v1::WatchResponse& response, const std::string& token) {
  switch (response.item_case()) {
    case v1::WatchResponse::kSubscribed: {
      const Lock lock(mutex_);
      const auto line = find_on_wire(response.subscribed().subscription());
      if (line == lines_.end() || line->second.stage == Stage::ended) return;
      line->second.stage = Stage::live;
      line->second.confirmed = true;
      changed_.notify_all();
      return;
    }
    case v1::WatchResponse::kState: {
      const Lock lock(mutex_);
      counted_ = !said_frozen_ && response.state().state() == v1::WATCHER_STATE_LIVE;
      asleep_ = said_frozen_ && response.state().state() == v1::WATCHER_STATE_FROZEN;
      changed_.notify_all();
      return;
    }
    case v1::WatchResponse::kChanges: return take_changes(response.changes());
    case v1::WatchResponse::kProgress: {
      std::uint64_t key = 0;
      auto item = std::make_shared<FeedItem>();
      {
        const Lock lock(mutex_);
        const auto line = find_on_wire(response.progress().subscription());
        if (line == lines_.end()) return;
        key = line->first;
        item->volume = line->second.volume;
        item->upto = Seq{response.progress().upto()};
        if (response.progress().has_strict()) item->strict = response.progress().strict();
        // It stands for what came before it, also for changes that are not for this token.
        line->second.last = std::max(line->second.last, item->upto);
      }
      give(key, item);
      return;
    }
    case v1::WatchResponse::kEnded: return take_end(response.ended(), token);
    case v1::WatchResponse::ITEM_NOT_SET: return;  // a newer server's word: ignored
  }
}

void WatchStream::take_changes(const v1::WatchChanges& changes) {
  std::uint64_t key = 0;
  Seq last;
  auto item = std::make_shared<FeedItem>();
  {
    const Lock lock(mutex_);
    const auto line = find_on_wire(changes.subscription());
    if (line == lines_.end()) return;
    key = line->first;
    item->volume = line->second.volume;
    item->changes = std::exchange(line->second.begun, {});
    last = item->changes.empty() ? line->second.last : item->changes.back().seq;
  }
  wire::Faults faults;
  bool gap = false;
  for (const auto& from : changes.changes()) {
    if (from.seq() <= last.value) continue;  // known already
    gap = gap || from.seq() != last.value + 1;
    if (gap) break;
    item->changes.push_back(wire::read(from, faults));
    last = Seq{from.seq()};
  }
  item->upto = last;
  if (faults) return end(key, FeedEnd::closed, faults.error());
  if (changes.more() && !gap) {
    const Lock lock(mutex_);
    const auto line = lines_.find(key);
    if (line != lines_.end()) line->second.begun = std::move(item->changes);
    return;
  }
  if (gap) item->changes.clear();  // half of a whole may be among them
  if (!item->changes.empty() && !give(key, item)) {
    Error slow;
    slow.code = Code::unavailable;
    slow.message = "the subscriber was slower than its queue; resume at the last seq received";
    return end(key, FeedEnd::too_slow, slow);
  }
  const Lock lock(mutex_);
  const auto line = lines_.find(key);
  if (line == lines_.end()) return;
  if (!gap) {
    line->second.last = last;
    return;
  }
  leaving_.push_back(line->second.on_wire);  // ask again, behind what was given
  line->second.on_wire = 0;
  changed_.notify_all();
}

void WatchStream::take_end(const v1::WatchEnded& ended, const std::string& token) {
  wire::Faults faults;
  const FeedEnd reason = wire::read(ended.reason(), faults);
  Error error;
  error.code = Code::unavailable;
  error.message = "the server ended the subscription: " + std::string(name_of(reason));
  if (ended.has_error()) error = wire::read(ended.error());
  const bool renewed = reason == FeedEnd::access_revoked && channel_.token() != token;
  std::uint64_t key = 0;
  {
    const Lock lock(mutex_);
    const auto line = find_on_wire(ended.subscription());
    if (line == lines_.end()) return;
    key = line->first;
    const bool passing = ended.has_error() ? may_pass(error)
                                           : reason == FeedEnd::too_slow || renewed ||
                                                 reason == FeedEnd::connection_lost ||
                                                 reason == FeedEnd::server_stopping;
    if (passing) {
      line->second.on_wire = 0;
      line->second.refused = error;
      line->second.ask_from =
          now() + (reason == FeedEnd::too_slow ? Moment::duration::zero() : kReconnectWaitMax / 2);
      changed_.notify_all();
      return;
    }
  }
  end(key, ended.has_error() ? end_of(error) : reason, error);
}

bool WatchStream::give(std::uint64_t key, const std::shared_ptr<const FeedItem>& item) {
  std::shared_ptr<FeedSink> sink;
  {
    const Lock lock(mutex_);
    const auto line = lines_.find(key);
    if (line == lines_.end() || line->second.stage == Stage::ended) return true;
    sink = line->second.sink;
    line->second.offering = true;
  }
  const bool taken = sink->offer(item);
  const Lock lock(mutex_);
  lines_.find(key)->second.offering = false;  // forget() waits for this
  changed_.notify_all();
  return taken;
}

void WatchStream::end(std::uint64_t key, FeedEnd reason, const Error& error) {
  auto item = std::make_shared<FeedItem>();
  item->end = reason;
  bool live = false;
  {
    const Lock lock(mutex_);
    const auto line = lines_.find(key);
    if (line == lines_.end() || line->second.stage == Stage::ended) return;
    live = line->second.stage == Stage::live;
    item->volume = line->second.volume;
    item->upto = line->second.last;
    if (line->second.on_wire != 0) leaving_.push_back(line->second.on_wire);
    line->second.on_wire = 0;
  }
  if (live) give(key, item);
  const Lock lock(mutex_);
  const auto line = lines_.find(key);
  if (line == lines_.end()) return;
  line->second.stage = Stage::ended;
  line->second.refused = error;
  changed_.notify_all();
}

void WatchStream::forget(std::uint64_t key) {
  const Lock lock(mutex_);
  const auto line = lines_.find(key);
  line->second.stage = Stage::ended;
  while (line->second.offering) changed_.wait(mutex_);
  if (line->second.on_wire != 0) leaving_.push_back(line->second.on_wire);
  lines_.erase(line);
  changed_.notify_all();
}

// ── The writer ──────────────────────────────────────────────────────────────────────────────────

void WatchStream::write_all() {
  for (;;) {
    Stream* stream = nullptr;
    std::optional<v1::WatchRequest> request;
    {
      const Lock lock(mutex_);
      while (!stopping_) {
        Moment look_again = Moment::max();
        if (stream_ != nullptr) request = next_request(now(), look_again);
        if (request) break;
        if (look_again == Moment::max()) {
          changed_.wait(mutex_);
        } else {
          changed_.wait_until(mutex_, look_again);
        }
      }
      if (stopping_) return;
      stream = stream_;
      writing_ = true;
    }
    stream->Write(*request);  // when it fails the reader sees it too
    const Lock lock(mutex_);
    writing_ = false;
    changed_.notify_all();
  }
}

std::optional<v1::WatchRequest> WatchStream::next_request(Moment at, Moment& look_again) {
  v1::WatchRequest request;
  const auto state = frozen_ ? v1::WATCHER_STATE_FROZEN : v1::WATCHER_STATE_LIVE;
  if (!greeted_) {
    greeted_ = true;
    said_frozen_ = frozen_;
    counted_ = !frozen_;  // of what is subscribed behind it
    asleep_ = false;
    auto* hello = request.mutable_hello();
    hello->set_client(wire::write_uuid(channel_.client().uuid));
    hello->set_state(state);
    return request;
  }
  if (said_frozen_ != frozen_) {
    said_frozen_ = frozen_;
    counted_ = asleep_ = false;  // until the server has heard it
    request.mutable_state()->set_state(state);
    return request;
  }
  if (!leaving_.empty()) {
    request.mutable_unsubscribe()->set_subscription(leaving_.back());
    leaving_.pop_back();
    return request;
  }
  for (auto& [key, line] : lines_) {
    if (line.stage == Stage::ended) continue;
    if (line.on_wire == 0 && line.ask_from <= at) {
      line.on_wire = next_number_++;
      line.begun.clear();  // it comes again, whole
      auto* subscribe = request.mutable_subscribe();
      subscribe->set_subscription(line.on_wire);
      subscribe->set_volume(line.volume.value);
      subscribe->set_after(line.last.value);
      subscribe->set_shows(line.sink->shows());
      subscribe->set_remembers(line.remembers);
      subscribe->set_loaded(line.sink->loaded());
      return request;
    }
    if (line.on_wire == 0) look_again = std::min(look_again, line.ask_from);
    if (line.on_wire != 0 && (line.unsaid || line.said < line.acknowledged)) {
      line.said = line.acknowledged;
      line.unsaid = false;
      auto* acknowledge = request.mutable_acknowledge();
      acknowledge->set_subscription(line.on_wire);
      acknowledge->set_volume(line.volume.value);
      acknowledge->set_seq(line.acknowledged.value);
      acknowledge->set_remembers(line.remembers);
      return request;
    }
  }
  return std::nullopt;
}

}  // namespace outboard::client
