#include "core/call.h"

namespace outboard {

Origin origin_of(const Caller& caller, const RequestId& request) {
  Origin origin;
  origin.principal = caller.principal;
  origin.session = caller.session;
  origin.turn = caller.turn;
  origin.op = caller.op;
  origin.epoch = caller.epoch;
  origin.generation = caller.generation;
  origin.client = request.client ? request.client : caller.client;
  origin.number = request.number;
  return origin;
}

}  // namespace outboard
