// LockCalls: locks that wait at the server, without a thread here for each.
//
// GrpcStore::lock → wait() → an asynchronous call → `done`, on a thread of gRPC's. One try: who
// hears `unavailable` asks again.
//
// Any thread. One lock, a leaf.
#pragma once

#include <memory>
#include <set>

#include "client/channel.h"
#include "core/guarded.h"
#include "core/store.h"
#include "outboard/v1/store.grpc.pb.h"

namespace outboard::client {

class LockCalls {
 public:
  LockCalls(const Channel& channel, v1::StoreService::Stub& stub)
      : channel_(channel), stub_(stub) {}
  // Cancels what is under way and waits until everybody has been answered.
  ~LockCalls();
  LockCalls(const LockCalls&) = delete;
  LockCalls& operator=(const LockCalls&) = delete;

  void wait(const Call& call, VolumeId volume, const LockQuery& query, LockDone done);

 private:
  struct Waiting;

  void answer(const std::shared_ptr<Waiting>& waiting, const grpc::Status& status);

  const Channel& channel_;
  v1::StoreService::Stub& stub_;
  Mutex mutex_;
  Condition answered_;
  std::set<std::shared_ptr<Waiting>> waiting_ GUARDED_BY(mutex_);
};

}  // namespace outboard::client
