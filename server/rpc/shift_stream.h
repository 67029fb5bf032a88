// ShiftStream: the server's end of one Work: a worker's heartbeat, and what it is told.
//
// Place in the flow: the journal's bell → runnable(), lost(), inbox() → what waits to be said, each
// word once → gRPC. Requests come on gRPC's threads; opening the shift runs on a worker. While the
// stream is open the worker's leases last.
//
// What always holds: one read and one write at a time; Finish once, when nothing is being written.
// Shares itself with the bell.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "outboard/v1/journal.pb.h"
#include "server/journal.h"
#include "server/rpc/desk.h"
#include "server/rpc/live_stream.h"

namespace outboard::server {

class ShiftStream final : public grpc::ServerBidiReactor<v1::WorkRequest, v1::WorkResponse>,
                          public ShiftSink,
                          public LiveStream,
                          public std::enable_shared_from_this<ShiftStream> {
 public:
  ShiftStream(Desk& desk, Journal& journal, grpc::CallbackServerContext* context,
              std::function<void(LiveStream*)> done)
      : desk_(desk), journal_(journal), context_(context), done_(std::move(done)) {}

  // Once, right after construction.
  void start();

  void close(const grpc::Status& status) override;
  bool recheck(Moment deadline) override;
  void mark() override {}  // the transport's own pings keep it alive
  void runnable() override;
  void lost(SessionId session) override;
  void inbox(SessionId session) override;
  void replaced() override;

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  void begin();
  // On a worker: the first message has come.
  void open();
  // Reads the next message, unless it is over.
  void read_on();
  // Writes what waits, or finishes.
  void pump();
  bool take() REQUIRES_LOCK(mutex_);

  Desk& desk_;
  Journal& journal_;
  grpc::CallbackServerContext* const context_;
  const std::function<void(LiveStream*)> done_;
  std::string secret_;
  std::shared_ptr<ShiftStream> self_;
  v1::WorkRequest request_;
  v1::WorkResponse response_;

  Mutex mutex_;
  Caller caller_ GUARDED_BY(mutex_);
  std::unique_ptr<Hook> shift_ GUARDED_BY(mutex_);
  bool begun_ GUARDED_BY(mutex_) = false;
  bool opened_ GUARDED_BY(mutex_) = false;
  bool wants_ GUARDED_BY(mutex_) = false;     // it could take sessions
  bool runnable_ GUARDED_BY(mutex_) = false;  // from here on: to be said
  std::set<SessionId> lost_ GUARDED_BY(mutex_);
  std::set<SessionId> inbox_ GUARDED_BY(mutex_);
  bool writing_ GUARDED_BY(mutex_) = false;
  bool finished_ GUARDED_BY(mutex_) = false;
  std::optional<grpc::Status> closing_ GUARDED_BY(mutex_);
};

}  // namespace outboard::server
