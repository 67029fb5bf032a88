#include "server/rpc/watch_stream.h"

#include <utility>

#include "proto/convert.h"

namespace outboard::server {
namespace {

// One subscription's way into its stream.
class StreamSink final : public FeedSink {
 public:
  StreamSink(std::shared_ptr<WatchStream> stream, const v1::WatchSubscribe& request)
      : stream_(std::move(stream)),
        subscription_(request.subscription()),
        shows_(request.shows()),
        remembers_(request.remembers()),
        loaded_(request.loaded()) {}

  bool offer(const std::shared_ptr<const FeedItem>& item) override {
    return stream_->offer(subscription_, item);
  }
  bool shows() const override { return shows_; }
  bool remembers() const override { return remembers_; }
  std::string loaded() const override { return loaded_; }

 private:
  const std::shared_ptr<WatchStream> stream_;
  const std::uint64_t subscription_;
  const bool shows_;
  const bool remembers_;
  const std::string loaded_;
};

Error refusal(std::string message, std::uint64_t subscription) {
  Error error;
  error.code = Code::invalid;
  error.message = std::move(message);
  error.subject = std::to_string(subscription);
  return error;
}

}  // namespace

WatchStream::WatchStream(Desk& desk, WorkerPool& writers, grpc::CallbackServerContext* context,
                         std::function<void(WatchStream*)> done)
    : desk_(desk), writers_(writers), context_(context), done_(std::move(done)) {}

void WatchStream::start() {
  self_ = shared_from_this();
  const bool taken = desk_.workers.post([self = self_] { self->begin(); });
  if (!taken) close(FeedEnd::connection_lost, wire::to_status(too_busy()));
}

void WatchStream::begin() {
  secret_ = bearer_of(context_->client_metadata()).value_or("");
  const Moment deadline = std::chrono::steady_clock::now() + kReadDeadline;
  auto call = admitted(desk_, *context_, deadline);
  if (!call) return close(FeedEnd::access_revoked, wire::to_status(call.error()));
  const Lock lock(mutex_);
  caller_ = std::move(call->caller);
  begun_ = true;
  // Under the lock: after Finish no read may start.
  if (!closing_) StartRead(&request_);
}

void WatchStream::OnReadDone(bool ok) {
  if (!ok) {  // the watcher has said all, or has gone
    return close(FeedEnd::closed, grpc::Status());
  }
  handle(request_);
  const Lock lock(mutex_);
  if (!closing_) StartRead(&request_);
}

void WatchStream::handle(const v1::WatchRequest& request) {
  switch (request.item_case()) {
    case v1::WatchRequest::kSubscribe: return subscribe(request.subscribe());
    case v1::WatchRequest::kUnsubscribe: return unsubscribe(request.unsubscribe().subscription());
    case v1::WatchRequest::kAcknowledge: return acknowledge(request.acknowledge());
    case v1::WatchRequest::kHello: return set_state(request.hello().state());
    case v1::WatchRequest::kState: return set_state(request.state().state());
    case v1::WatchRequest::ITEM_NOT_SET: return;  // a newer watcher's word: ignored
  }
}

void WatchStream::subscribe(const v1::WatchSubscribe& request) {
  const std::uint64_t subscription = request.subscription();
  const VolumeId volume{request.volume()};
  {
    const Lock lock(mutex_);
    if (closing_) return;
    if (!outbox_.open(subscription, volume)) {
      // Its number is in use: ending that one is the only word the watcher would understand.
      outbox_.end(subscription, FeedEnd::closed,
                  refusal("a subscription's number was used twice", subscription));
    } else if (outbox_.size() > kWatchSubscriptionsMax) {
      outbox_.end(subscription, FeedEnd::closed,
                  refusal("too many subscriptions on one stream; open another", subscription));
    } else {
      held_.emplace(subscription, nullptr);
      const bool taken = desk_.workers.post(
          [self = shared_from_this(), request] { self->subscribe_on_worker(request); });
      if (taken) return;
      held_.erase(subscription);
      outbox_.end(subscription, FeedEnd::connection_lost, too_busy());
    }
  }
  wake();
}

void WatchStream::subscribe_on_worker(const v1::WatchSubscribe& request) {
  const std::uint64_t subscription = request.subscription();
  Call call = Call::until(std::chrono::steady_clock::now() + kReadDeadline);
  {
    const Lock lock(mutex_);
    if (closing_ || !held_.contains(subscription)) return;
    call.caller = caller_;
  }
  auto sink = std::make_shared<StreamSink>(shared_from_this(), request);
  auto answer = desk_.store.subscribe(call, VolumeId{request.volume()}, Seq{request.after()},
                                      std::move(sink));
  Held late;  // destroyed outside the lock
  Held live;
  {
    const Lock lock(mutex_);
    const auto found = held_.find(subscription);
    if (!answer) {
      if (found != held_.end()) held_.erase(found);
      const bool gone = answer.error().code == Code::history_gone;
      outbox_.end(subscription, gone ? FeedEnd::history_gone : FeedEnd::closed, answer.error());
    } else if (found != held_.end() && !closing_) {
      found->second = *std::move(answer);
      live = found->second;
      outbox_.confirm(subscription);
    } else {
      late = *std::move(answer);
    }
  }
  if (live) tell_state(*live);
  wake();
}

// What the watcher said before its subscription stood; its last word counts.
void WatchStream::tell_state(Subscription& subscription) {
  const Lock telling(telling_);
  for (bool told = false;;) {
    {
      const Lock lock(mutex_);
      if (told == frozen_) return;
      told = frozen_;
    }
    subscription.set_frozen(told);  // without the lock: the feed takes it in an offer
  }
}

void WatchStream::unsubscribe(std::uint64_t subscription) {
  Held gone;
  {
    const Lock lock(mutex_);
    const auto found = held_.find(subscription);
    if (found == held_.end()) return;
    gone = std::move(found->second);
    held_.erase(found);
    outbox_.end(subscription, FeedEnd::closed);
  }
  wake();
}

void WatchStream::acknowledge(const v1::WatchAcknowledge& request) {
  Held held;
  {
    const Lock lock(mutex_);
    const auto found = held_.find(request.subscription());
    if (found != held_.end()) held = found->second;
  }
  if (held) held->acknowledge(Seq{request.seq()}, request.remembers());
}

void WatchStream::set_state(v1::WatcherState state) {
  const bool frozen = state == v1::WATCHER_STATE_FROZEN;
  const Lock telling(telling_);
  std::vector<Held> all;
  {
    const Lock lock(mutex_);
    if (frozen_ == frozen) return;
    frozen_ = frozen;
    for (const auto& [subscription, held] : held_) {
      if (held) all.push_back(held);
    }
  }
  for (const Held& held : all) held->set_frozen(frozen);
  {
    const Lock lock(mutex_);
    if (closing_) return;
    outbox_.say_frozen(frozen);
  }
  wake();
}

bool WatchStream::offer(std::uint64_t subscription, const std::shared_ptr<const FeedItem>& item) {
  bool taken = false;
  {
    const Lock lock(mutex_);
    if (closing_) return true;
    taken = outbox_.offer(subscription, item);
  }
  wake();
  return taken;
}

void WatchStream::wake() {
  {
    const Lock lock(mutex_);
    if (waking_ || writing_ || finished_) return;
    waking_ = true;
  }
  // The writers' queue has room for every stream once; after their end nobody needs to be woken.
  (void)writers_.post([self = shared_from_this()] { self->pump(); });
}

void WatchStream::pump() {
  std::optional<Parcel> parcel;
  Held ended;  // destroyed outside the lock: it waits for an offer under way, which takes the lock
  grpc::Status status;
  {
    const Lock lock(mutex_);
    waking_ = false;
    if (writing_ || finished_) return;
    parcel = outbox_.take();
    if (parcel) {
      const auto held = parcel->end ? held_.find(parcel->subscription) : held_.end();
      if (held != held_.end()) {
        ended = std::move(held->second);
        held_.erase(held);
      }
      writing_ = true;
    } else if (closing_) {
      finished_ = true;
      status = *closing_;
    } else {
      return;
    }
  }
  if (!parcel) return Finish(status);
  write(*parcel, &response_);
  StartWrite(&response_);
}

void WatchStream::OnWriteDone(bool ok) {
  if (!ok) close(FeedEnd::connection_lost, grpc::Status());
  {
    const Lock lock(mutex_);
    writing_ = false;
    if (!ok) outbox_.clear();
  }
  pump();
}

void WatchStream::close(FeedEnd reason, const grpc::Status& status) {
  std::map<std::uint64_t, Held> gone;  // destroyed outside the lock
  {
    const Lock lock(mutex_);
    if (closing_) return;
    closing_ = status;
    gone.swap(held_);
    outbox_.end_all(reason);
  }
  wake();
}

void WatchStream::OnCancel() {
  close(FeedEnd::connection_lost,
        grpc::Status(grpc::StatusCode::CANCELLED, "the watcher has gone"));
  {
    const Lock lock(mutex_);
    outbox_.clear();
  }
  wake();
}

void WatchStream::OnDone() {
  const auto self = std::move(self_);  // the last of gRPC's; sinks may still share it
  done_(this);
}

bool WatchStream::recheck(Moment deadline) {
  Caller known;
  {
    const Lock lock(mutex_);
    if (!begun_ || closing_) return true;
    known = caller_;
  }
  auto caller = desk_.tokens.read(secret_, deadline);
  if (caller) caller->client = known.client;
  if (caller && *caller == known) return true;
  if (!caller && caller.error().code != Code::unauthenticated) return false;
  Error error;
  error.code = Code::unauthenticated;
  error.message = "the token has ended, or allows something else by now; show a new one";
  close(FeedEnd::access_revoked, wire::to_status(error));
  return true;
}

}  // namespace outboard::server
