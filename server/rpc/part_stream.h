// PartStream: an answer in many messages, from a producer that blocks to a reader who may be slow.
//
// Place in the flow: a producer thread calls send(), then finish() once; gRPC's threads write one
// message after the other. At most kStreamBufferBytesMax wait; then send() waits for the reader,
// until the deadline. Deletes itself when gRPC is done with it.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <deque>
#include <optional>
#include <utility>

#include "core/guarded.h"
#include "core/limits.h"

namespace outboard::server {

template <class Message>
class PartStream final : public grpc::ServerWriteReactor<Message> {
 public:
  explicit PartStream(Moment deadline) : deadline_(deadline) {}

  // False: nobody reads any more, or the deadline has passed; stop producing.
  bool send(Message message) {
    Message* next = nullptr;
    {
      const std::size_t bytes = message.ByteSizeLong();
      Lock lock(mutex_);
      while (!over_ && bytes_ > 0 && bytes_ + bytes > kStreamBufferBytesMax) {
        if (!room_.wait_until(mutex_, deadline_)) over_ = true;
      }
      if (over_) return false;
      bytes_ += bytes;
      queue_.push_back({std::move(message), bytes});
      if (!writing_) next = &queue_.front().message;
      if (next != nullptr) writing_ = true;
    }
    if (next != nullptr) this->StartWrite(next);
    return true;
  }

  // After the last send(). This object may be gone when it returns.
  void finish(const grpc::Status& status) {
    {
      Lock lock(mutex_);
      status_ = status;
      if (writing_) return;  // OnWriteDone sees to it
    }
    this->Finish(status);
  }

  void OnWriteDone(bool ok) override {
    Message* next = nullptr;
    std::optional<grpc::Status> status;
    {
      Lock lock(mutex_);
      bytes_ -= queue_.front().bytes;
      queue_.pop_front();
      if (!ok) over_ = true;
      if (over_) {
        queue_.clear();
        bytes_ = 0;
      }
      if (!queue_.empty()) next = &queue_.front().message;
      writing_ = next != nullptr;
      if (!writing_) status = status_;
      room_.notify_all();
    }
    if (next != nullptr) this->StartWrite(next);
    if (status) this->Finish(*status);
  }

  void OnCancel() override {
    Lock lock(mutex_);
    over_ = true;
    room_.notify_all();
  }

  void OnDone() override { delete this; }

 private:
  struct Queued {
    Message message;
    std::size_t bytes = 0;
  };
  const Moment deadline_;
  Mutex mutex_;
  Condition room_;
  // The front is the one that gRPC writes; a deque does not move it.
  std::deque<Queued> queue_ GUARDED_BY(mutex_);
  std::size_t bytes_ GUARDED_BY(mutex_) = 0;
  bool writing_ GUARDED_BY(mutex_) = false;
  bool over_ GUARDED_BY(mutex_) = false;
  std::optional<grpc::Status> status_ GUARDED_BY(mutex_);
};

}  // namespace outboard::server
