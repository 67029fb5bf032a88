// LiveStream: a stream of the journal that lasts until somebody ends it, as its service sees it.
#pragma once

#include <grpcpp/support/status.h>

#include "core/clock.h"

namespace outboard::server {

class LiveStream {
 public:
  virtual ~LiveStream() = default;
  // Ends it. From any thread.
  virtual void close(const grpc::Status& status) = 0;
  // Asks for the token again, and ends the stream when it is no longer good; false when the answer
  // could not be had. Blocks; not on gRPC's threads.
  virtual bool recheck(Moment deadline) = 0;
  // Time for a mark.
  virtual void mark() = 0;
};

}  // namespace outboard::server
