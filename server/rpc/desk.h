// Desk: what every service needs to take a request in: the store behind Access, the admin, the
// tokens, the workers. And serve(): one unary call from its arrival to its answer; serve_later()
// for one whose answer comes without a worker that waits for it.
//
// Place in the flow: gRPC's thread → serve() → a worker: token, body → Finish. gRPC's own threads
// never block. Owned by RpcServer; outlives every call.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <functional>
#include <utility>

#include "core/admin.h"
#include "core/diagnosis.h"
#include "core/limits.h"
#include "core/store.h"
#include "proto/status.h"
#include "server/rates.h"
#include "server/rpc/caller.h"
#include "server/rpc/worker_pool.h"
#include "server/token_reader.h"

namespace outboard::server {

struct Desk {
  Store& store;  // an Access
  Admin& admin;
  TokenReader& tokens;
  Rates& rates;
  WorkerPool& workers;    // calls
  WorkerPool& producers;  // streams of content: each holds its thread while the reader reads
  std::atomic<std::uint64_t> arriving_bytes{0};  // of batches that arrive in parts
  Examiner* examiner = nullptr;                  // null: there is nobody to ask
};

inline Error too_busy() {
  Error error;
  error.code = Code::unavailable;
  error.message = "the server has more requests than it can take; try again a little later";
  error.retry_after_ms = static_cast<std::uint32_t>(kRpcRetryAfter.count());
  return error;
}

// Who asks and until when, unless they have asked for more than their share. Blocks as tokens do.
inline Result<Call> admitted(Desk& desk, const grpc::CallbackServerContext& context,
                             Moment deadline) {
  auto call = read_call(context.client_metadata(), deadline, desk.tokens);
  if (!call) return call;
  if (auto fair = desk.rates.admit(call->caller); !fair) return fair.error();
  return call;
}

// Answers one unary call, once, from any thread.
class Answer {
 public:
  explicit Answer(grpc::ServerUnaryReactor* reactor) : reactor_(reactor) {}
  void operator()(const Status& status) const {
    reactor_->Finish(status ? grpc::Status() : wire::to_status(status.error()));
  }

 private:
  grpc::ServerUnaryReactor* reactor_;
};

// Runs `body(call, answer)` on a worker; somebody answers, then or later.
template <class Body>
grpc::ServerUnaryReactor* serve_later(Desk& desk, grpc::CallbackServerContext* context, Body body) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const bool taken = desk.workers.post([&desk, context, reactor, body = std::move(body)] {
    if (context->IsCancelled()) {  // it gave up while it waited for a worker
      reactor->Finish(grpc::Status(grpc::StatusCode::CANCELLED, "the caller has gone"));
      return;
    }
    const Moment deadline = deadline_of(context->deadline(), kCallDeadlineMax);
    auto call = admitted(desk, *context, deadline);
    if (!call) {
      reactor->Finish(wire::to_status(call.error()));
      return;
    }
    body(*call, Answer(reactor));
  });
  if (!taken) reactor->Finish(wire::to_status(too_busy()));
  return reactor;
}

// Runs `body(call)`, which fills the response and returns a Status, on a worker.
template <class Body>
grpc::ServerUnaryReactor* serve(Desk& desk, grpc::CallbackServerContext* context, Body body) {
  return serve_later(desk, context, [body = std::move(body)](const Call& call, Answer answer) {
    answer(body(call));
  });
}

}  // namespace outboard::server
