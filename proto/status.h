// Table 1 of 3: Error ↔ gRPC status. (The others: fusefs/kernel/reply.cpp, postgres/sqlstate.cpp.)
//
// An Error crosses as a status code that strangers understand, its message, and an ErrorDetail in
// the binary details, from which it is read back exactly (texts up to 1 KiB of UTF-8). A status
// without details was not decided by the server's stores but on the way: by gRPC, a proxy, a
// deadline. Pure; any thread.
#pragma once

#include <grpcpp/support/status.h>

#include <optional>
#include <string_view>

#include "core/result.h"
#include "outboard/v1/types.pb.h"

namespace outboard::wire {

grpc::StatusCode status_code_of(Code code);
// What a status without details stands for.
Code code_of(grpc::StatusCode code);
// The inverse of core's name_of; nothing for a name this program does not know.
std::optional<Code> code_named(std::string_view name);

void write(const Error& error, v1::ErrorDetail* to);
Error read(const v1::ErrorDetail& from);

grpc::Status to_status(const Error& error);
// REQUIRES: !status.ok().
Error to_error(const grpc::Status& status);

}  // namespace outboard::wire
