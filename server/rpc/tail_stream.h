// TailStream: the server's end of one tail: a session's events, then each new one.
//
// Place in the flow: the journal's bell → changed() → a worker reads what is new → gRPC. Between
// bells it holds no thread. One part is written at a time, so a slow reader has at most that one
// in memory; the next is read when it is out.
//
// What always holds: seqs rise by one; a part follows each change of the session's state; a mark
// says every kProgressInterval that the reader is current. Shares itself with the bell; Finish
// once, with no write and no read of the journal under way.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "outboard/v1/journal.pb.h"
#include "server/journal.h"
#include "server/rpc/desk.h"
#include "server/rpc/live_stream.h"

namespace outboard::server {

class TailStream final : public grpc::ServerWriteReactor<v1::TailResponse>,
                         public SessionSink,
                         public LiveStream,
                         public std::enable_shared_from_this<TailStream> {
 public:
  // `done` is called last, when gRPC has let go of it.
  TailStream(Desk& desk, Journal& journal, grpc::CallbackServerContext* context,
             const v1::TailRequest& request, std::function<void(LiveStream*)> done)
      : desk_(desk),
        journal_(journal),
        context_(context),
        done_(std::move(done)),
        session_bytes_(request.session()),
        after_(request.after_seq()) {}

  // Once, right after construction.
  void start();

  void close(const grpc::Status& status) override;
  bool recheck(Moment deadline) override;
  void mark() override;
  void changed() override;

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  void begin();
  // Has a worker look, unless one does or something is being written.
  void wake();
  void look();
  // What is to be written now; nothing when there is nothing new.
  bool take(const EventPage& page);

  Desk& desk_;
  Journal& journal_;
  grpc::CallbackServerContext* const context_;
  const std::function<void(LiveStream*)> done_;
  const std::string session_bytes_;
  SessionId session_;
  std::string secret_;
  std::shared_ptr<TailStream> self_;
  v1::TailResponse response_;  // the looker's, or gRPC's
  std::uint64_t after_;        // likewise, with the next
  std::optional<SessionState> told_;

  Mutex mutex_;
  Caller caller_ GUARDED_BY(mutex_);
  std::unique_ptr<Hook> hook_ GUARDED_BY(mutex_);
  bool begun_ GUARDED_BY(mutex_) = false;
  bool busy_ GUARDED_BY(mutex_) = true;  // a worker looks, or gRPC writes
  bool news_ GUARDED_BY(mutex_) = false;
  bool mark_ GUARDED_BY(mutex_) = false;
  bool finished_ GUARDED_BY(mutex_) = false;
  std::optional<grpc::Status> closing_ GUARDED_BY(mutex_);
};

}  // namespace outboard::server
