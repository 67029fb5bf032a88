// WatchService: all watch streams of this server, and the thread that asks for their tokens again.
//
// When it is told that what tokens allow has changed, and every kTokenCacheFor besides, each
// distinct token in use is read anew, so that a revoked one ends its streams within a second; while
// tokens cannot be read, streams go on.
#pragma once

#include <memory>
#include <thread>
#include <unordered_map>

#include "core/guarded.h"
#include "outboard/v1/watch.grpc.pb.h"
#include "server/rpc/desk.h"
#include "server/rpc/watch_stream.h"

namespace outboard::server {

class WatchService final : public v1::WatchService::CallbackService {
 public:
  explicit WatchService(Desk& desk);
  // REQUIRES: the gRPC server is down, so that no stream is left.
  ~WatchService() override;

  grpc::ServerBidiReactor<v1::WatchRequest, v1::WatchResponse>* Watch(
      grpc::CallbackServerContext* context) override;

  // Has the tokens of all streams asked for again, soon. From any thread; does not block.
  void recheck();
  // Ends every stream with server_stopping, and each new one.
  void stop();
  // Streams that are open now.
  std::size_t size() {
    return streams_.with([](Streams& streams) { return streams.size(); });
  }

 private:
  using Streams = std::unordered_map<WatchStream*, std::weak_ptr<WatchStream>>;

  std::vector<std::shared_ptr<WatchStream>> streams();
  void recheck_all();

  Desk& desk_;
  WorkerPool writers_;
  Guarded<Streams> streams_;
  Mutex mutex_;
  Condition stopped_;
  bool doubtful_ GUARDED_BY(mutex_) = false;  // tokens are to be asked for again, at once
  bool stopping_ GUARDED_BY(mutex_) = false;
  bool ended_ GUARDED_BY(mutex_) = false;  // the thread must end
  std::thread rechecker_;
};

}  // namespace outboard::server
