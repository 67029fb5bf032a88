// From what a request carries beside its message to the Call it stands for.
//
// Metadata: `authorization: Bearer <token>` says who asks, `outboard-client: <uuid>` which process.
// The deadline is the caller's own, but never later than a maximum: a worker is not held for ever.
#pragma once

#include <grpcpp/support/string_ref.h>

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "core/call.h"
#include "server/token_reader.h"

namespace outboard::server {

using Metadata = std::multimap<grpc::string_ref, grpc::string_ref>;

// The secret after "Bearer "; nothing when there is none, or more than one header.
std::optional<std::string> bearer_of(const Metadata& metadata);

// Nil when there is none; invalid when it is no uuid.
Result<ClientId> client_of(const Metadata& metadata);

// `deadline` as gRPC has it, at most `longest` from now.
Moment deadline_of(std::chrono::system_clock::time_point deadline,
                   std::chrono::milliseconds longest);

// Blocks as `tokens` does. unauthenticated: no token, or not a good one.
Result<Call> read_call(const Metadata& metadata, Moment deadline, TokenReader& tokens);

}  // namespace outboard::server
