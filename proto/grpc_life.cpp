#include "proto/grpc_life.h"

#include <grpc/grpc.h>

namespace outboard::wire {

void keep_grpc_alive() {
  static const bool held = [] {
    grpc_init();
    return true;
  }();
  static_cast<void>(held);
}

}  // namespace outboard::wire
