#include "client/lock_calls.h"

#include <optional>
#include <utility>

#include "proto/convert.h"

namespace outboard::client {

struct LockCalls::Waiting {
  grpc::ClientContext context;
  v1::LockRequest request;
  v1::LockResponse response;
  LockDone done;
  std::shared_ptr<Cancellation> given_up;
  std::optional<Cancellation::Hook> cancel;
};

LockCalls::~LockCalls() {
  const Lock lock(mutex_);
  for (const auto& waiting : waiting_) waiting->context.TryCancel();
  while (!waiting_.empty()) answered_.wait(mutex_);
}

void LockCalls::wait(const Call& call, VolumeId volume, const LockQuery& query, LockDone done) {
  const auto waiting = std::make_shared<Waiting>();
  waiting->request.set_volume(volume.value);
  wire::write(query, &waiting->request);
  waiting->done = std::move(done);
  waiting->given_up = call.given_up;
  channel_.prepare(waiting->context, bounded(call.deadline, kReadDeadline));
  // The hook is there before the call: its answer may come before we are back.
  waiting->cancel.emplace(call.given_up, [context = &waiting->context] { context->TryCancel(); });
  {
    const Lock lock(mutex_);
    waiting_.insert(waiting);
  }
  stub_.async()->Lock(&waiting->context, &waiting->request, &waiting->response,
                      [this, waiting](const grpc::Status& status) { answer(waiting, status); });
}

void LockCalls::answer(const std::shared_ptr<Waiting>& waiting, const grpc::Status& status) {
  waiting->cancel.reset();
  if (status.ok()) {
    wire::Faults faults;
    LockAnswer answer = wire::read(waiting->response, channel_.client(), faults);
    waiting->done(faults.or_error(std::move(answer)));
  } else if (waiting->given_up && waiting->given_up->requested()) {
    waiting->done(nobody_waits());
  } else {
    waiting->done(wire::to_error(status));
  }
  const Lock lock(mutex_);
  waiting_.erase(waiting);
  answered_.notify_all();
}

}  // namespace outboard::client
