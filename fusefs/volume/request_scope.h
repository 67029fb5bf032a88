// RequestScope: whether anybody still waits for the request that this thread answers.
//
// kernel/reply makes one → verbs → every call to the store carries it, however deep. A worker
// answers one request at a time; other threads (follower, flusher) answer none and have none. It
// is a thread's own, not a parameter of every function between a verb and the store, none of which
// could do anything with it but pass it on.
#pragma once

#include <memory>

#include "core/call.h"

namespace outboard::fusefs {

class RequestScope {
 public:
  // REQUIRES: this thread has none. `given_up` is asked of by all that it does until the end.
  static void begin(std::shared_ptr<Cancellation> given_up) { current() = std::move(given_up); }
  static void end() { current().reset(); }
  // Nobody waits any more: a wait for the store or for another thread is to end.
  static bool given_up() { return current() && current()->requested(); }

  // A call to the store on behalf of the request, if there is one.
  static Call call(Moment deadline) { return Call{deadline, {}, current()}; }

 private:
  static std::shared_ptr<Cancellation>& current() {
    thread_local std::shared_ptr<Cancellation> of_this_thread;
    return of_this_thread;
  }
};

}  // namespace outboard::fusefs
