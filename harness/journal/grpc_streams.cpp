// GrpcJournal's streams: a worker's heartbeat, and following a session. Each has a thread that
// reads, and opens the stream again when it broke, until its owner goes.
#include <pthread.h>

#include <deque>
#include <optional>
#include <thread>

#include "core/log.h"
#include "harness/journal/grpc_parts.h"
#include "harness/journal/journal_words.h"

namespace outboard::harness {
namespace {

// Parts of a tail that wait for a slow reader; the stream is not read while they do.
constexpr std::size_t kTailPartsMax = 64;

// The wait between two tries, and its end; the context of the try that runs now.
class Attempts {
 public:
  // Nothing: it is over.
  std::shared_ptr<grpc::ClientContext> begin(const client::Channel& channel) {
    Lock lock(mutex_);
    if (over_) return nullptr;
    context_ = std::make_shared<grpc::ClientContext>();
    channel.identify(*context_, channel.token());  // no deadline: it ends with its owner
    return context_;
  }
  // False: it is over.
  bool wait_until(Moment next) {
    Lock lock(mutex_);
    while (!over_ && Moment::clock::now() < next) changed_.wait_until(mutex_, next);
    return !over_;
  }
  void end() {
    std::shared_ptr<grpc::ClientContext> context;
    {
      Lock lock(mutex_);
      over_ = true;
      context = context_;
      changed_.notify_all();
    }
    if (context) context->TryCancel();
  }

 private:
  Mutex mutex_;
  Condition changed_;
  bool over_ GUARDED_BY(mutex_) = false;
  std::shared_ptr<grpc::ClientContext> context_ GUARDED_BY(mutex_);
};

// When to try again after `status`; whatever is not `unavailable` ends the stream for good.
std::optional<Moment> next_try(client::Retry& retry, const grpc::Status& status) {
  const Error error =
      status.ok() ? Error{Code::unavailable, "the stream was closed"} : wire::to_error(status);
  return retry.next(error, Moment::clock::now());
}

}  // namespace

// ── Working ──────────────────────────────────────────────────────────────────────────────────────

class GrpcJournal::GrpcWork final : public WorkStream {
 public:
  GrpcWork(Parts& parts, std::string worker, std::shared_ptr<WorkSink> sink)
      : parts_(parts), worker_(std::move(worker)), sink_(std::move(sink)) {
    thread_ = std::thread([this] { run(); });
  }
  ~GrpcWork() override {
    attempts_.end();
    thread_.join();
  }
  GrpcWork(const GrpcWork&) = delete;
  GrpcWork& operator=(const GrpcWork&) = delete;

  void offer(std::uint32_t capacity, bool draining) override {
    Lock lock(mutex_);
    offered_.set_capacity(capacity);
    offered_.set_draining(draining);
    if (stream_ != nullptr) stream_->Write(offered_);
  }

 private:
  using Stream = grpc::ClientReaderWriter<v1::WorkRequest, v1::WorkResponse>;

  void run() {
    pthread_setname_np(pthread_self(), "journal-work");
    client::Retry retry = parts_.channel->retry_until(Moment::max());
    while (const auto context = attempts_.begin(*parts_.channel)) {
      const std::unique_ptr<Stream> stream = parts_.journal->Work(context.get());
      use(stream.get());
      v1::WorkResponse heard;
      while (stream->Read(&heard)) {
        retry.reset();
        tell(heard);
      }
      use(nullptr);
      const auto next = next_try(retry, stream->Finish());
      if (!next || !attempts_.wait_until(*next)) return;
    }
  }

  // Says who works here, and what was offered last, on each new stream.
  void use(Stream* stream) {
    Lock lock(mutex_);
    stream_ = stream;
    if (stream_ == nullptr) return;
    v1::WorkRequest first = offered_;
    first.set_worker(worker_);
    stream_->Write(first);
  }

  void tell(const v1::WorkResponse& heard) {
    wire::Faults faults;
    switch (heard.happened_case()) {
      case v1::WorkResponse::kRunnable: return sink_->on_runnable();
      case v1::WorkResponse::kLost:
        return sink_->on_lost(SessionId{wire::read_uuid("lost", heard.lost(), faults)});
      case v1::WorkResponse::kInbox:
        return sink_->on_inbox(SessionId{wire::read_uuid("inbox", heard.inbox(), faults)});
      case v1::WorkResponse::HAPPENED_NOT_SET: return;
    }
  }

  Parts& parts_;
  const std::string worker_;
  const std::shared_ptr<WorkSink> sink_;
  Attempts attempts_;
  Mutex mutex_;
  Stream* stream_ GUARDED_BY(mutex_) = nullptr;
  v1::WorkRequest offered_ GUARDED_BY(mutex_);
  std::thread thread_;
};

Result<std::unique_ptr<WorkStream>> GrpcJournal::work(std::string_view worker,
                                                      std::shared_ptr<WorkSink> sink, Moment) {
  return std::unique_ptr<WorkStream>(
      std::make_unique<GrpcWork>(*parts_, std::string(worker), std::move(sink)));
}

// ── Following ────────────────────────────────────────────────────────────────────────────────────

class GrpcJournal::GrpcTail final : public Tail {
 public:
  GrpcTail(Parts& parts, SessionId session, std::uint64_t after)
      : parts_(parts), session_(session), after_(after) {
    thread_ = std::thread([this] { run(); });
  }
  ~GrpcTail() override {
    {
      Lock lock(mutex_);
      over_ = true;
      changed_.notify_all();
    }
    attempts_.end();
    thread_.join();
  }
  GrpcTail(const GrpcTail&) = delete;
  GrpcTail& operator=(const GrpcTail&) = delete;

  Result<Tailed> next(Moment until) override {
    Lock lock(mutex_);
    while (parts_heard_.empty() && !ended_ && !woken_) {
      if (!changed_.wait_until(mutex_, until)) break;
    }
    if (!parts_heard_.empty()) {
      Tailed tailed = std::move(parts_heard_.front());
      parts_heard_.pop_front();
      changed_.notify_all();
      return tailed;
    }
    if (ended_) return *ended_;
    woken_ = false;
    return Error{Code::timed_out, "nothing new in session " + to_string(session_) + " so far"};
  }

  void wake() override {
    Lock lock(mutex_);
    woken_ = true;
    changed_.notify_all();
  }

 private:
  void run() {
    pthread_setname_np(pthread_self(), "journal-tail");
    client::Retry retry = parts_.channel->retry_until(Moment::max());
    while (const auto context = attempts_.begin(*parts_.channel)) {
      v1::TailRequest request;
      request.set_session(wire::write_uuid(session_.uuid));
      request.set_after_seq(after_);
      const auto stream = parts_.journal->Tail(context.get(), request);
      v1::TailResponse part;
      while (stream->Read(&part)) {
        retry.reset();
        if (!take(part)) context->TryCancel();
      }
      const grpc::Status status = stream->Finish();
      if (is_over()) return;
      const auto next = next_try(retry, status);
      if (!next) return end(wire::to_error(status));
      if (!attempts_.wait_until(*next)) return;
    }
  }

  // False: it is over.
  bool take(const v1::TailResponse& part) {
    wire::Faults faults;
    Tailed tailed;
    tailed.phase = read(part.state(), faults);
    tailed.head = part.head_seq();
    for (const v1::Event& event : part.events()) {
      auto record = read(event);
      if (!record) {
        end(record.error());
        return false;
      }
      if (record->seq > after_) tailed.records.push_back(*std::move(record));
    }
    if (!tailed.records.empty()) after_ = tailed.records.back().seq;
    Lock lock(mutex_);
    while (parts_heard_.size() >= kTailPartsMax && !over_) changed_.wait(mutex_);
    parts_heard_.push_back(std::move(tailed));
    changed_.notify_all();
    return !over_;
  }

  bool is_over() {
    Lock lock(mutex_);
    return over_;
  }

  void end(const Error& error) {
    Lock lock(mutex_);
    if (!ended_) ended_ = error;
    over_ = true;
    changed_.notify_all();
  }

  Parts& parts_;
  const SessionId session_;
  std::uint64_t after_;  // the thread's
  Attempts attempts_;
  Mutex mutex_;
  Condition changed_;
  std::deque<Tailed> parts_heard_ GUARDED_BY(mutex_);
  std::optional<Error> ended_ GUARDED_BY(mutex_);
  bool woken_ GUARDED_BY(mutex_) = false;
  bool over_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

Result<std::unique_ptr<Tail>> GrpcJournal::tail(SessionId session, std::uint64_t after,
                                                Moment deadline) {
  if (auto known = describe(session, deadline); !known) return std::move(known).error();
  return std::unique_ptr<Tail>(std::make_unique<GrpcTail>(*parts_, session, after));
}

}  // namespace outboard::harness
