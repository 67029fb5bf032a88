#include "server/rpc/apply_stream.h"

#include <algorithm>
#include <cstring>

#include "proto/convert.h"
#include "proto/convert_batch.h"

namespace outboard::server {
namespace {

using wire::Faults;

Error invalid(std::string message) {
  Error error;
  error.code = Code::invalid;
  error.message = std::move(message);
  return error;
}

// Reads one message at a time; between a StartRead and its OnReadDone nobody else touches this, so
// it needs no lock. Finish is called exactly once, with no read under way.
class ArrivingBatch final : public grpc::ServerReadReactor<v1::ApplyStreamRequest> {
 public:
  ArrivingBatch(Desk& desk, grpc::CallbackServerContext* context, v1::ApplyResponse* response)
      : desk_(desk), context_(context), response_(response) {
    StartRead(&message_);
  }
  ~ArrivingBatch() override { desk_.arriving_bytes -= reserved_; }

  void OnReadDone(bool ok) override {
    if (!ok) return arrived();
    if (!begun_) {
      const bool taken = desk_.workers.post([this] { begin(); });
      if (!taken) refuse(too_busy());
      return;
    }
    const Status taken = take();
    if (!taken) return refuse(taken.error());
    StartRead(&message_);
  }

  void OnDone() override { delete this; }

 private:
  // On a worker: who is it, and may it send that much?
  void begin() {
    begun_ = true;
    const Moment deadline = deadline_of(context_->deadline(), kStreamDeadlineMax);
    auto call = admitted(desk_, *context_, deadline);
    if (!call) return refuse(call.error());
    call_ = *std::move(call);
    if (!message_.has_header()) return refuse(invalid("the first message must be the header"));
    const auto& header = message_.header();
    if (header.bytes() > kBatchBytesMax || header.steps() > kBatchStepsMax) {
      Error error = invalid("a batch of " + std::to_string(header.steps()) + " steps and " +
                            std::to_string(header.bytes()) + " bytes; at most " +
                            std::to_string(kBatchStepsMax) + " steps and " +
                            std::to_string(kBatchBytesMax) + " bytes: send several batches");
      error.code = Code::too_big;
      return refuse(error);
    }
    if (desk_.arriving_bytes.fetch_add(header.bytes()) + header.bytes() > kArrivingBytesMax) {
      desk_.arriving_bytes -= header.bytes();
      return refuse(too_busy());
    }
    reserved_ = header.bytes();
    announceable_ = reserved_;
    Faults faults;
    volume_ = VolumeId{header.volume()};
    steps_ = header.steps();
    batch_.request = wire::read(header.request(), faults);
    batch_.acknowledged = header.acknowledged();
    batch_.written = Timestamp{header.written_unix_ns()};
    if (faults) return refuse(faults.error());
    StartRead(&message_);
  }

  Status take() {
    switch (message_.item_case()) {
      case v1::ApplyStreamRequest::kSteps: return take_steps();
      case v1::ApplyStreamRequest::kPart: return take_part();
      case v1::ApplyStreamRequest::kHeader: return invalid("a second header");
      case v1::ApplyStreamRequest::ITEM_NOT_SET: break;
    }
    return invalid("a message that is neither steps nor a part");
  }

  Status take_steps() {
    if (filling_) return invalid("steps after the first part; all steps come before it");
    const auto more = static_cast<std::size_t>(message_.steps().steps_size());
    if (batch_.steps.size() + more > steps_) return invalid("more steps than the header says");
    Faults faults;
    for (const auto& step : message_.steps().steps()) {
      batch_.steps.push_back(wire::read(step, announceable_, faults));
    }
    if (faults) return faults.error();
    return success();
  }

  Status take_part() {
    if (!filling_) bodies_ = wire::bodies_in(batch_);
    filling_ = true;
    std::string_view part = message_.part();
    while (!part.empty()) {
      if (body_ == bodies_.size()) return invalid("more bytes than the steps announce");
      std::string& body = *bodies_[body_];
      const std::size_t size = std::min(part.size(), body.size() - filled_);
      std::memcpy(body.data() + filled_, part.data(), size);
      part.remove_prefix(size);
      filled_ += size;
      if (filled_ == body.size()) {
        ++body_;
        filled_ = 0;
      }
    }
    return success();
  }

  // The sender has said all, or has gone.
  void arrived() {
    if (context_->IsCancelled()) {
      Finish(grpc::Status(grpc::StatusCode::CANCELLED, "the caller has gone"));
      return;
    }
    if (!begun_ || batch_.steps.size() != steps_) return refuse(invalid("steps are missing"));
    if (!filling_) bodies_ = wire::bodies_in(batch_);
    if (body_ != bodies_.size()) return refuse(invalid("announced bytes are missing"));
    const bool taken = desk_.workers.post([this] { apply(); });
    if (!taken) refuse(too_busy());
  }

  // On a worker.
  void apply() {
    call_.deadline = deadline_of(context_->deadline(), kCallDeadlineMax);
    auto applied = desk_.store.apply(call_, volume_, batch_);
    if (!applied) return refuse(applied.error());
    wire::write(*applied, response_);
    Finish(grpc::Status());
  }

  void refuse(const Error& error) { Finish(wire::to_status(error)); }

  Desk& desk_;
  grpc::CallbackServerContext* const context_;
  v1::ApplyResponse* const response_;
  v1::ApplyStreamRequest message_;
  bool begun_ = false;
  Call call_;
  std::uint64_t reserved_ = 0;      // of desk_.arriving_bytes
  std::uint64_t announceable_ = 0;  // what steps may still announce
  VolumeId volume_;
  std::size_t steps_ = 0;
  Batch batch_;
  bool filling_ = false;
  std::vector<std::string*> bodies_;
  std::size_t body_ = 0;    // the next to fill
  std::size_t filled_ = 0;  // bytes of it
};

}  // namespace

grpc::ServerReadReactor<v1::ApplyStreamRequest>* receive_batch(Desk& desk,
                                                               grpc::CallbackServerContext* context,
                                                               v1::ApplyResponse* response) {
  return new ArrivingBatch(desk, context, response);
}

}  // namespace outboard::server
