#include "server/rpc/tail_stream.h"

#include "server/rpc/journal_words.h"

namespace outboard::server {

void TailStream::start() {
  self_ = shared_from_this();
  const bool taken = desk_.workers.post([self = self_] { self->begin(); });
  if (taken) return;
  {
    const Lock lock(mutex_);
    finished_ = true;
  }
  Finish(wire::to_status(too_busy()));
}

// On a worker. busy_ is set from the start, so nobody else looks meanwhile.
void TailStream::begin() {
  const Moment deadline = std::chrono::steady_clock::now() + kReadDeadline;
  secret_ = bearer_of(context_->client_metadata()).value_or("");
  auto call = admitted(desk_, *context_, deadline);
  wire::Faults faults;
  session_ = read_session("session", session_bytes_, faults);
  const auto follow = [&]() -> Result<std::unique_ptr<Hook>> {
    if (!call) return call.error();
    if (faults) return faults.error();
    return journal_.follow(*call, session_, self_);
  };
  auto hook = follow();
  {
    const Lock lock(mutex_);
    if (!hook) {
      if (!closing_) closing_ = wire::to_status(hook.error());
    } else {
      hook_ = *std::move(hook);
      caller_ = std::move(call->caller);
      begun_ = true;
    }
    news_ = true;
    mark_ = true;  // at once: the reader knows that it is heard
  }
  look();
}

void TailStream::changed() {
  {
    const Lock lock(mutex_);
    news_ = true;
  }
  wake();
}

void TailStream::mark() {
  {
    const Lock lock(mutex_);
    mark_ = true;
    news_ = true;
  }
  wake();
}

void TailStream::wake() {
  {
    const Lock lock(mutex_);
    if (busy_ || finished_ || (!news_ && !closing_)) return;
    busy_ = true;
  }
  if (desk_.workers.post([self = shared_from_this()] { self->look(); })) return;
  // The workers' queue is full: the next bell or mark tries again.
  std::optional<grpc::Status> ending;
  {
    const Lock lock(mutex_);
    busy_ = false;
    finished_ = closing_.has_value();
    ending = closing_;
  }
  if (ending) Finish(*ending);
}

// With busy_ set. Looks until something is being written, nothing is new, or it is over.
void TailStream::look() {
  for (;;) {
    Call call = Call::until(std::chrono::steady_clock::now() + kReadDeadline);
    std::optional<grpc::Status> ending;
    bool mark = false;
    {
      const Lock lock(mutex_);
      if (closing_) {
        finished_ = true;
        ending = closing_;
      } else if (!news_) {
        busy_ = false;
        return;
      }
      news_ = false;
      mark = std::exchange(mark_, false);
      call.caller = caller_;
    }
    if (ending) return Finish(*ending);
    auto page = journal_.events(call, session_, after_);
    if (!page) {
      const Lock lock(mutex_);
      if (!closing_) closing_ = wire::to_status(page.error());
      continue;
    }
    if (!take(*page) && !mark) continue;
    if (after_ < page->head_seq) {
      const Lock lock(mutex_);
      news_ = true;  // there is more than one page
    }
    return StartWrite(&response_);
  }
}

bool TailStream::take(const EventPage& page) {
  response_.Clear();
  for (const SessionEvent& event : page.events) write(event, response_.add_events());
  if (!page.events.empty()) after_ = page.events.back().seq;
  response_.set_state(static_cast<v1::SessionState>(page.state));
  response_.set_head_seq(page.head_seq);
  const bool fresh = !page.events.empty() || told_ != page.state;
  told_ = page.state;
  return fresh;
}

void TailStream::OnWriteDone(bool ok) {
  {
    const Lock lock(mutex_);
    busy_ = false;
    if (!ok && !closing_) closing_ = grpc::Status();
  }
  wake();
}

void TailStream::close(const grpc::Status& status) {
  std::unique_ptr<Hook> gone;  // destroyed outside the lock
  {
    const Lock lock(mutex_);
    if (!closing_) closing_ = status;
    gone = std::move(hook_);
    if (busy_ || finished_) return;  // who is busy sees to it
    finished_ = true;
  }
  Finish(status);
}

void TailStream::OnCancel() {
  close(grpc::Status(grpc::StatusCode::CANCELLED, "the reader has gone"));
}

void TailStream::OnDone() {
  const auto self = std::move(self_);  // the last of gRPC's; the bell may still share it
  std::unique_ptr<Hook> gone;
  {
    const Lock lock(mutex_);
    gone = std::move(hook_);
  }
  done_(this);
}

bool TailStream::recheck(Moment deadline) {
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
  close(wire::to_status(
      Error{Code::unauthenticated,
            "the token has ended, or allows something else by now; show a new one"}));
  return true;
}

}  // namespace outboard::server
