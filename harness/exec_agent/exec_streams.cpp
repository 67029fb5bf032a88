#include "harness/exec_agent/exec_streams.h"

#include <utility>

#include "core/limits.h"
#include "harness/exec_agent/exec_words.h"
#include "proto/status.h"

namespace outboard::harness {
namespace {

// Sends output as it comes, one part in flight; the log's poke and gRPC's OnWriteDone both ask for
// the next one, and `busy_` lets one of them through.
class AttachStream final : public grpc::ServerWriteReactor<v1::AttachResponse>,
                           public CallWatcher,
                           public std::enable_shared_from_this<AttachStream> {
 public:
  AttachStream(std::shared_ptr<CallLog> log, std::uint64_t offset)
      : log_(std::move(log)), offset_(offset) {}

  void begin() {
    self_ = shared_from_this();
    log_->watch(weak_from_this());
    next();
  }
  void poke() override { next(); }
  void OnWriteDone(bool ok) override {
    {
      Lock lock(mutex_);
      busy_ = false;
      broken_ = broken_ || !ok;
    }
    next();
  }
  void OnCancel() override {
    {
      Lock lock(mutex_);
      broken_ = true;
    }
    next();
  }
  void OnDone() override { self_.reset(); }

 private:
  enum class Step { none, write, finish };

  void next() {
    const auto held = weak_from_this().lock();
    switch (choose()) {
      case Step::none: return;
      case Step::write: return StartWrite(&part_);
      case Step::finish: return Finish(grpc::Status::OK);
    }
  }

  Step choose() {
    Lock lock(mutex_);
    if (busy_ || finished_) return Step::none;
    if (broken_ || ended_sent_) {
      finished_ = true;
      return Step::finish;
    }
    // The state first: if it has an end by now, what is read after it is all there is.
    const CallState state = log_->state();
    CallOutput output = log_->read(offset_, kOutputPartBytes);
    if (output.bytes.empty() && !state.end) return Step::none;
    part_.Clear();
    if (output.bytes.empty()) {
      write(state, part_.mutable_ended());
      ended_sent_ = true;
    } else {
      offset_ = output.offset + output.bytes.size();
      part_.mutable_output()->set_offset(output.offset);
      part_.mutable_output()->set_bytes(std::move(output.bytes));
    }
    busy_ = true;
    return Step::write;
  }

  const std::shared_ptr<CallLog> log_;
  std::shared_ptr<AttachStream> self_;
  Mutex mutex_;
  std::uint64_t offset_ GUARDED_BY(mutex_);
  bool busy_ GUARDED_BY(mutex_) = false;
  bool broken_ GUARDED_BY(mutex_) = false;
  bool ended_sent_ GUARDED_BY(mutex_) = false;
  bool finished_ GUARDED_BY(mutex_) = false;
  v1::AttachResponse part_;  // busy_: gRPC's; else mutex_
};

class WaitCall final : public grpc::ServerUnaryReactor,
                       public CallWatcher,
                       public std::enable_shared_from_this<WaitCall> {
 public:
  WaitCall(std::shared_ptr<CallLog> log, v1::WaitResponse* response)
      : log_(std::move(log)), response_(response) {}

  void begin() {
    self_ = shared_from_this();
    log_->watch(weak_from_this());
    poke();
  }
  void poke() override {
    const CallState state = log_->state();
    if (!state.end || finished_.with([](bool& done) { return std::exchange(done, true); })) return;
    write(state, response_->mutable_state());
    Finish(grpc::Status::OK);
  }
  void OnCancel() override {
    if (finished_.with([](bool& done) { return std::exchange(done, true); })) return;
    Finish(grpc::Status(grpc::StatusCode::CANCELLED, "the caller stopped waiting"));
  }
  void OnDone() override { self_.reset(); }

 private:
  const std::shared_ptr<CallLog> log_;
  v1::WaitResponse* const response_;
  std::shared_ptr<WaitCall> self_;
  Guarded<bool> finished_{false};
};

class FileReader final : public grpc::ServerWriteReactor<v1::ReadFileResponse> {
 public:
  // On a worker.
  void begin(Agent& agent, const v1::ReadFileRequest& request) {
    auto opened = agent.open_file(request.path(), request.author());
    if (!opened) return Finish(wire::to_status(opened.error()));
    file_ = *std::move(opened);
    at_ = std::min(request.offset(), file_.size);
    const std::uint64_t rest = file_.size - at_;
    end_ = at_ + (request.size() == 0 ? rest : std::min(request.size(), rest));
    part_.set_total_size(file_.size);
    part_.set_sha256(std::string(file_.digest.bytes.begin(), file_.digest.bytes.end()));
    send();
  }
  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status(grpc::StatusCode::CANCELLED, "the caller is gone"));
    if (at_ >= end_) return Finish(grpc::Status::OK);
    part_.Clear();
    send();
  }
  void OnDone() override { delete this; }

 private:
  void send() {
    auto bytes = read_part(file_.file.get(), at_, std::min<std::uint64_t>(end_ - at_, kPartBytes));
    if (!bytes) return Finish(wire::to_status(bytes.error()));
    if (bytes->empty()) end_ = at_;  // it shrank meanwhile
    at_ += bytes->size();
    part_.set_bytes(*std::move(bytes));
    StartWrite(&part_);
  }

  OpenedFile file_;
  std::uint64_t at_ = 0;
  std::uint64_t end_ = 0;
  v1::ReadFileResponse part_;
};

class FileWriter final : public grpc::ServerReadReactor<v1::WriteFileRequest> {
 public:
  FileWriter(Agent& agent, Workers& workers, v1::WriteFileResponse* response)
      : agent_(agent), workers_(workers), response_(response) {
    StartRead(&part_);
  }
  void OnReadDone(bool ok) override {
    if (!ok) return finish_reading();
    if (auto taken = take(); !taken) return Finish(wire::to_status(taken.error()));
    StartRead(&part_);
  }
  void OnDone() override { delete this; }

 private:
  Status take() {
    if (part_.has_header() != !seen_header_) {
      return Error{Code::invalid, "send the header first, once, then the bytes", {}};
    }
    if (part_.has_header()) {
      auto wanted = read(part_.header());
      if (!wanted) return std::move(wanted).error();
      wanted_ = *std::move(wanted);
      epoch_ = Epoch{part_.header().epoch()};
      author_ = part_.header().author();
      size_ = part_.header().size();
      seen_header_ = true;
      return success();
    }
    if (wanted_.bytes.size() + part_.bytes().size() > kToolFileBytesMax) {
      return Error{Code::too_big,
                   wanted_.path + ": more than " + std::to_string(kToolFileBytesMax) +
                       " bytes; let a command write it",
                   wanted_.path};
    }
    wanted_.bytes.append(part_.bytes());
    return success();
  }

  void finish_reading() {
    if (!seen_header_) {
      return Finish(wire::to_status(Error{Code::invalid, "no header came; send it first", {}}));
    }
    // The end of a stream and the end of its sender look the same.
    if (wanted_.bytes.size() != size_) {
      return Finish(wire::to_status(
          Error{Code::invalid,
                wanted_.path + ": " + std::to_string(wanted_.bytes.size()) + " bytes came, " +
                    std::to_string(size_) + " were announced; nothing was changed, send it again",
                wanted_.path}));
    }
    const bool queued = workers_.offer([this] {
      auto written = agent_.write_file(wanted_, epoch_, author_);
      if (!written) return Finish(wire::to_status(written.error()));
      response_->set_sha256(
          std::string(written->digest.bytes.begin(), written->digest.bytes.end()));
      response_->set_unchanged(written->unchanged);
      Finish(grpc::Status::OK);
    });
    if (!queued) Finish(wire::to_status(too_busy()));
  }

  Agent& agent_;
  Workers& workers_;
  v1::WriteFileResponse* const response_;
  v1::WriteFileRequest part_;
  WorkspaceWrite wanted_;
  Epoch epoch_;
  std::string author_;
  std::uint64_t size_ = 0;
  bool seen_header_ = false;
};

}  // namespace

Error too_busy() {
  Error error{Code::unavailable, "the exec agent has too many calls waiting; try again", {}};
  error.retry_after_ms = static_cast<std::uint32_t>(kRpcRetryAfter.count());
  return error;
}

grpc::ServerWriteReactor<v1::AttachResponse>* attach_to(std::shared_ptr<CallLog> log,
                                                        std::uint64_t offset) {
  auto stream = std::make_shared<AttachStream>(std::move(log), offset);
  stream->begin();
  return stream.get();
}

grpc::ServerUnaryReactor* wait_for(std::shared_ptr<CallLog> log, v1::WaitResponse* response) {
  auto call = std::make_shared<WaitCall>(std::move(log), response);
  call->begin();
  return call.get();
}

grpc::ServerWriteReactor<v1::ReadFileResponse>* read_file(Agent& agent, Workers& workers,
                                                          const v1::ReadFileRequest* request) {
  auto* reader = new FileReader;
  if (!workers.offer([&agent, reader, request] { reader->begin(agent, *request); })) {
    reader->Finish(wire::to_status(too_busy()));
  }
  return reader;
}

grpc::ServerReadReactor<v1::WriteFileRequest>* write_file(Agent& agent, Workers& workers,
                                                          v1::WriteFileResponse* response) {
  return new FileWriter(agent, workers, response);
}

}  // namespace outboard::harness
