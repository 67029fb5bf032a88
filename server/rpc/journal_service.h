// JournalService: server/journal.h on the wire, and all its streams of this server.
//
// Calls as StoreService. A thread, `outboard-live`, asks every kTokenCacheFor for the tokens of
// live streams again, so that a revoked one ends its streams within about a second, and has tails
// marked every kProgressInterval.
#pragma once

#include <memory>
#include <thread>
#include <unordered_map>

#include "core/guarded.h"
#include "outboard/v1/journal.grpc.pb.h"
#include "server/journal.h"
#include "server/rpc/desk.h"
#include "server/rpc/live_stream.h"

namespace outboard::server {

class JournalService final : public v1::JournalService::CallbackService {
 public:
  JournalService(Desk& desk, Journal& journal);
  // REQUIRES: the gRPC server is down, so that no stream is left.
  ~JournalService() override;

  using Context = grpc::CallbackServerContext;
  using Unary = grpc::ServerUnaryReactor;

  Unary* CreateSession(Context* context, const v1::CreateSessionRequest* request,
                       v1::CreateSessionResponse* response) override;
  Unary* GetSession(Context* context, const v1::GetSessionRequest* request,
                    v1::GetSessionResponse* response) override;
  Unary* ListSessions(Context* context, const v1::ListSessionsRequest* request,
                      v1::ListSessionsResponse* response) override;
  Unary* Claim(Context* context, const v1::ClaimRequest* request,
               v1::ClaimResponse* response) override;
  Unary* Release(Context* context, const v1::ReleaseRequest* request,
                 v1::ReleaseResponse* response) override;
  Unary* Append(Context* context, const v1::AppendRequest* request,
                v1::AppendResponse* response) override;
  Unary* Post(Context* context, const v1::PostRequest* request,
              v1::PostResponse* response) override;
  Unary* ReadInbox(Context* context, const v1::ReadInboxRequest* request,
                   v1::ReadInboxResponse* response) override;
  grpc::ServerWriteReactor<v1::ReplayResponse>* Replay(Context* context,
                                                       const v1::ReplayRequest* request) override;
  grpc::ServerWriteReactor<v1::TailResponse>* Tail(Context* context,
                                                   const v1::TailRequest* request) override;
  grpc::ServerBidiReactor<v1::WorkRequest, v1::WorkResponse>* Work(Context* context) override;

  // Ends every stream with `unavailable`, and each new one.
  void stop();

 private:
  using Streams = std::unordered_map<LiveStream*, std::weak_ptr<LiveStream>>;

  template <class Stream>
  void begin(const std::shared_ptr<Stream>& stream);
  std::function<void(LiveStream*)> forget();
  std::vector<std::shared_ptr<LiveStream>> streams();
  void look_after_streams();

  Desk& desk_;
  Journal& journal_;
  Guarded<Streams> streams_;
  Mutex mutex_;
  Condition stopped_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  bool ended_ GUARDED_BY(mutex_) = false;  // the thread must end
  std::thread keeper_;
};

}  // namespace outboard::server
