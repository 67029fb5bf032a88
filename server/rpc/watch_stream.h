// WatchStream: the server's end of one watch: many volumes' changes to one mount or program.
//
// Place in the flow: the feed's thread → a sink → Outbox → (a writer thread turns it into a
// message) → gRPC. Requests of the watcher come on gRPC's threads; subscribing runs on a worker.
//
// What always holds: one read and one write at a time; Finish once, when nothing is being written
// and the Outbox is empty. The stream owns itself from start() to OnDone; the sinks that the store
// holds share it, so that a late offer finds it alive and does nothing.
//
// Locks: telling_, then mutex_, which is never held while calling the store or gRPC's Finish and
// StartWrite.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "outboard/v1/watch.pb.h"
#include "server/rpc/desk.h"
#include "server/rpc/outbox.h"

namespace outboard::server {

class WatchStream final : public grpc::ServerBidiReactor<v1::WatchRequest, v1::WatchResponse>,
                          public std::enable_shared_from_this<WatchStream> {
 public:
  // `done` is called last, when gRPC has let go of it.
  WatchStream(Desk& desk, WorkerPool& writers, grpc::CallbackServerContext* context,
              std::function<void(WatchStream*)> done);

  // Checks the token on a worker, then begins to read. Once, right after construction.
  void start();
  // Ends every subscription with `reason`, then the stream with `status`. From any thread.
  void close(FeedEnd reason, const grpc::Status& status);
  // Asks for the token again; false when the answer could not be had. Ends the stream when the
  // token is no longer good, or allows something else by now. Blocks; not on gRPC's threads.
  bool recheck(Moment deadline);

  // From sinks: false when the subscription's queue is full.
  bool offer(std::uint64_t subscription, const std::shared_ptr<const FeedItem>& item);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  using Held = std::shared_ptr<Subscription>;  // null while its subscribe is under way

  void begin();
  void handle(const v1::WatchRequest& request);
  void subscribe(const v1::WatchSubscribe& request);
  void subscribe_on_worker(const v1::WatchSubscribe& request);
  void unsubscribe(std::uint64_t subscription);
  void acknowledge(const v1::WatchAcknowledge& request);
  void set_state(v1::WatcherState state);
  void tell_state(Subscription& subscription);
  // Has a writer thread write what waits, unless one is about to.
  void wake();
  // Writes the next message, or finishes.
  void pump();

  Desk& desk_;
  WorkerPool& writers_;
  grpc::CallbackServerContext* const context_;
  const std::function<void(WatchStream*)> done_;
  std::string secret_;
  std::shared_ptr<WatchStream> self_;
  v1::WatchRequest request_;
  v1::WatchResponse response_;

  Mutex telling_;  // what subscriptions are told of the state, before mutex_
  Mutex mutex_;
  Caller caller_ GUARDED_BY(mutex_);
  bool begun_ GUARDED_BY(mutex_) = false;
  bool frozen_ GUARDED_BY(mutex_) = false;  // as the watcher says
  Outbox outbox_ GUARDED_BY(mutex_);
  std::map<std::uint64_t, Held> held_ GUARDED_BY(mutex_);
  bool waking_ GUARDED_BY(mutex_) = false;   // a writer will pump
  bool writing_ GUARDED_BY(mutex_) = false;  // response_ is gRPC's
  bool finished_ GUARDED_BY(mutex_) = false;
  std::optional<grpc::Status> closing_ GUARDED_BY(mutex_);
};

}  // namespace outboard::server
