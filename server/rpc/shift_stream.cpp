#include "server/rpc/shift_stream.h"

#include "server/rpc/journal_words.h"

namespace outboard::server {

void ShiftStream::start() {
  self_ = shared_from_this();
  const bool taken = desk_.workers.post([self = self_] { self->begin(); });
  if (!taken) close(wire::to_status(too_busy()));
}

void ShiftStream::begin() {
  secret_ = bearer_of(context_->client_metadata()).value_or("");
  const Moment deadline = std::chrono::steady_clock::now() + kReadDeadline;
  auto call = read_call(context_->client_metadata(), deadline, desk_.tokens);
  if (!call) return close(wire::to_status(call.error()));
  {
    const Lock lock(mutex_);
    caller_ = std::move(call->caller);
    begun_ = true;
  }
  read_on();
}

void ShiftStream::read_on() {
  const Lock lock(mutex_);
  // Under the lock: after Finish no read may start.
  if (!closing_) StartRead(&request_);
}

void ShiftStream::OnReadDone(bool ok) {
  if (!ok) return close(grpc::Status());  // the worker has said all, or has gone
  bool first = false;
  {
    const Lock lock(mutex_);
    first = !opened_;
    opened_ = true;
    wants_ = request_.capacity() > 0 && !request_.draining();
    if (wants_) runnable_ = true;  // it looks at once
  }
  if (!first) {
    pump();
    return read_on();
  }
  const bool taken = desk_.workers.post([self = shared_from_this()] { self->open(); });
  if (!taken) close(wire::to_status(too_busy()));
}

void ShiftStream::open() {
  Call call = Call::until(std::chrono::steady_clock::now() + kReadDeadline);
  {
    const Lock lock(mutex_);
    if (closing_) return;
    call.caller = caller_;
  }
  auto shift = journal_.work(call, request_.worker(), shared_from_this());
  if (!shift) return close(wire::to_status(shift.error()));
  std::unique_ptr<Hook> late;  // destroyed outside the lock
  {
    const Lock lock(mutex_);
    (closing_ ? late : shift_) = *std::move(shift);
  }
  pump();
  read_on();
}

void ShiftStream::runnable() {
  {
    const Lock lock(mutex_);
    if (!wants_) return;
    runnable_ = true;
  }
  pump();
}

void ShiftStream::lost(SessionId session) {
  {
    const Lock lock(mutex_);
    lost_.insert(session);
  }
  pump();
}

void ShiftStream::inbox(SessionId session) {
  {
    const Lock lock(mutex_);
    inbox_.insert(session);
  }
  pump();
}

void ShiftStream::replaced() {
  close(wire::to_status(
      Error{Code::exists,
            "another stream has been opened under this worker's name; each process needs "
            "a name of its own"}));
}

bool ShiftStream::take() {
  response_.Clear();
  if (!lost_.empty()) {
    const auto session = lost_.extract(lost_.begin());
    response_.set_lost(wire::write_uuid(session.value().uuid));
  } else if (!inbox_.empty()) {
    const auto session = inbox_.extract(inbox_.begin());
    response_.set_inbox(wire::write_uuid(session.value().uuid));
  } else if (std::exchange(runnable_, false)) {
    response_.set_runnable(true);
  } else {
    return false;
  }
  return true;
}

void ShiftStream::pump() {
  std::optional<grpc::Status> ending;
  {
    const Lock lock(mutex_);
    if (writing_ || finished_) return;
    if (closing_) {
      finished_ = true;
      ending = closing_;
    } else if (shift_ == nullptr || !take()) {
      return;
    }
    writing_ = !ending;
  }
  if (ending) return Finish(*ending);
  StartWrite(&response_);
}

void ShiftStream::OnWriteDone(bool ok) {
  {
    const Lock lock(mutex_);
    writing_ = false;
    if (!ok && !closing_) closing_ = grpc::Status();
  }
  pump();
}

void ShiftStream::close(const grpc::Status& status) {
  std::unique_ptr<Hook> gone;  // destroyed outside the lock
  {
    const Lock lock(mutex_);
    if (!closing_) closing_ = status;
    gone = std::move(shift_);
  }
  pump();
}

void ShiftStream::OnCancel() {
  close(grpc::Status(grpc::StatusCode::CANCELLED, "the worker has gone"));
}

void ShiftStream::OnDone() {
  const auto self = std::move(self_);  // the last of gRPC's; the bell may still share it
  std::unique_ptr<Hook> gone;
  {
    const Lock lock(mutex_);
    gone = std::move(shift_);
  }
  done_(this);
}

bool ShiftStream::recheck(Moment deadline) {
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
