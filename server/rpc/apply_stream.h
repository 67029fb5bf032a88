// ApplyStream: a batch too large for one message, received in parts and then applied whole.
//
// Header → (a worker checks the token) → steps with announced bodies → the bodies' bytes, written
// straight to their places → (a worker applies). What it may hold is reserved by its header, so
// that many large senders at once are refused and not swapped.
#pragma once

#include <grpcpp/support/server_callback.h>

#include "outboard/v1/store.pb.h"
#include "server/rpc/desk.h"

namespace outboard::server {

// The reactor deletes itself when gRPC is done with it.
grpc::ServerReadReactor<v1::ApplyStreamRequest>* receive_batch(Desk& desk,
                                                               grpc::CallbackServerContext* context,
                                                               v1::ApplyResponse* response);

}  // namespace outboard::server
