#include "harness/api/watch_call.h"

#include "proto/status.h"

namespace outboard::harness {
namespace {

Error stopping() {
  return Error{Code::unavailable, "this harness stops; watch again, here or at another one", {}};
}

}  // namespace

void Watches::add(const std::shared_ptr<WatchCall>& call) {
  held_.with([&](Held& held) { held.calls[call.get()] = call; });
}

void Watches::remove(WatchCall* call) {
  held_.with([&](Held& held) { held.calls.erase(call); });
}

bool Watches::ending() const {
  return held_.with([](const Held& held) { return held.ending; });
}

void Watches::end_all() {
  const auto calls = held_.with([](Held& held) {
    held.ending = true;
    return held.calls;
  });
  for (const auto& [key, weak] : calls) {
    if (const auto call = weak.lock()) call->stop();
  }
}

void WatchCall::begin(std::uint64_t after, LiveFeed& live, CallThreads& threads) {
  self_ = shared_from_this();
  watches_.add(self_);
  const bool begun = threads.watch([self = self_, after, &live] {
    const Status done = self->following_.run(after, live, *self);
    if (!done) return self->end(wire::to_status(done.error()));
    if (self->watches_.ending()) return self->end(wire::to_status(stopping()));
    self->end(grpc::Status::OK);
  });
  if (begun) return;
  end(wire::to_status(
      Error{Code::unavailable, "this harness has as many watches as it takes; try another", {}}));
}

void WatchCall::stop() {
  {
    Lock lock(mutex_);
    broken_ = true;
  }
  changed_.notify_all();
  following_.stop();
}

bool WatchCall::send(const v1::WatchSessionResponse& message) {
  {
    Lock lock(mutex_);
    while (busy_ && !broken_) changed_.wait(mutex_);
    if (broken_) return false;
    busy_ = true;
    message_ = message;
  }
  StartWrite(&message_);
  return true;
}

void WatchCall::OnWriteDone(bool ok) {
  {
    Lock lock(mutex_);
    busy_ = false;
    broken_ = broken_ || !ok;
  }
  changed_.notify_all();
}

void WatchCall::OnCancel() {
  stop();
}

// A write under way is gRPC's to end; it does so soon when the call is cancelled.
void WatchCall::end(const grpc::Status& status) {
  {
    Lock lock(mutex_);
    while (busy_) changed_.wait(mutex_);
  }
  watches_.remove(this);
  Finish(status);
}

void WatchCall::OnDone() {
  self_.reset();
}

}  // namespace outboard::harness
