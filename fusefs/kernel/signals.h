// BlockedSignals: threads that are started while it lives never see SIGTERM, SIGINT or SIGHUP,
// which belong to the main thread (or libfuse's loop would not be woken by them).
#pragma once

#include <pthread.h>

#include <csignal>
#include <initializer_list>

namespace outboard::fusefs {

class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t ending;
    sigemptyset(&ending);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGPIPE}) sigaddset(&ending, signal);
    pthread_sigmask(SIG_BLOCK, &ending, &before_);
  }
  ~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace outboard::fusefs
