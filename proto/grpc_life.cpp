#include "proto/grpc_life.h"

#include <absl/synchronization/mutex.h>
#include <grpc/grpc.h>

#include <cstdlib>

namespace outboard::wire {

void keep_grpc_alive() {
  static const bool held = [] {
    // Debian's build looks for lock cycles at each lock, under a lock of the whole process.
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
    grpc_init();
    return true;
  }();
  static_cast<void>(held);
}

void fit_grpc_to_server() {
  ::setenv("GRPC_EXPERIMENTS", "-tcp_read_chunks", 0);
}

void fit_grpc_to_client() {
  ::setenv("GRPC_POLL_STRATEGY", "poll", 0);
}

}  // namespace outboard::wire
