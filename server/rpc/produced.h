// produced(): a call that answers with a stream, from its arrival to its end. Each producer holds a
// thread of its own pool while its reader reads, so that slow readers never take the threads of
// those who ask for one thing.
#pragma once

#include "server/rpc/desk.h"
#include "server/rpc/part_stream.h"

namespace outboard::server {

// `body(call, stream)` sends the parts and returns how it went.
template <class Message, class Body>
grpc::ServerWriteReactor<Message>* produced(Desk& desk, grpc::CallbackServerContext* context,
                                            Body body) {
  const Moment deadline = deadline_of(context->deadline(), kStreamDeadlineMax);
  auto* parts = new PartStream<Message>(deadline);  // deletes itself in OnDone
  const bool taken = desk.producers.post([&desk, context, parts, deadline, body] {
    auto call = admitted(desk, *context, deadline);
    const Status done = call ? body(*call, *parts) : Status(call.error());
    parts->finish(done ? grpc::Status() : wire::to_status(done.error()));
  });
  if (!taken) parts->finish(wire::to_status(too_busy()));
  return parts;
}

inline Error reader_gone() {
  Error error;
  error.code = Code::timed_out;
  error.message = "the reader was slower than the stream's deadline, or has gone";
  return error;
}

}  // namespace outboard::server
