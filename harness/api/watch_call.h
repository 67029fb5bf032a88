// WatchCall: one WatchSession call: a Following whose outlet is gRPC's stream. Owns itself until
// gRPC is done with it. For this room's gRPC files only.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <memory>
#include <set>

#include "harness/api/call_threads.h"
#include "harness/api/following.h"

namespace outboard::harness {

class WatchCall;

// The watches that run, to end them all.
class Watches {
 public:
  void add(const std::shared_ptr<WatchCall>& call);
  void remove(WatchCall* call);
  void end_all();
  bool ending() const;

 private:
  struct Held {
    std::map<WatchCall*, std::weak_ptr<WatchCall>> calls;
    bool ending = false;
  };
  mutable Guarded<Held> held_;
};

class WatchCall final : public grpc::ServerWriteReactor<v1::WatchSessionResponse>,
                        public Outlet,
                        public std::enable_shared_from_this<WatchCall> {
 public:
  WatchCall(Records records, const Clock& clock, SessionId session, Watches& watches)
      : following_(std::move(records), clock, session), watches_(watches) {}

  // Runs on a thread of `threads`.
  void begin(std::uint64_t after, LiveFeed& live, CallThreads& threads);
  void stop();

  bool send(const v1::WatchSessionResponse& message) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  void end(const grpc::Status& status);

  Following following_;
  Watches& watches_;
  std::shared_ptr<WatchCall> self_;
  Mutex mutex_;
  Condition changed_;
  bool busy_ GUARDED_BY(mutex_) = false;
  bool broken_ GUARDED_BY(mutex_) = false;
  v1::WatchSessionResponse message_;  // busy_: gRPC's
};

}  // namespace outboard::harness
