#include "cli/stop_signals.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>

#include "core/check.h"

namespace outboard::cli {

StopSignals::StopSignals() {
  sigset_t ours;
  sigemptyset(&ours);
  sigaddset(&ours, SIGINT);
  sigaddset(&ours, SIGTERM);
  CHECK(pthread_sigmask(SIG_BLOCK, &ours, &before_) == 0);
  signals_ = Descriptor(::signalfd(-1, &ours, SFD_CLOEXEC));
  end_ = Descriptor(::eventfd(0, EFD_CLOEXEC));
  CHECK(signals_.good() && end_.good());
  thread_ = std::thread([this] { wait(); });
  pthread_setname_np(thread_.native_handle(), "stop-signals");
}

StopSignals::~StopSignals() {
  ::eventfd_write(end_.get(), 1);
  thread_.join();
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void StopSignals::wait() {
  bool asked = false;
  for (;;) {
    std::array<pollfd, 2> polled = {pollfd{signals_.get(), POLLIN, 0},
                                    pollfd{end_.get(), POLLIN, 0}};
    if (::poll(polled.data(), polled.size(), -1) <= 0) continue;
    if (polled[1].revents != 0) return;
    signalfd_siginfo info{};
    if (::read(signals_.get(), &info, sizeof(info)) != sizeof(info)) continue;
    if (asked) ::_exit(128 + static_cast<int>(info.ssi_signo));
    asked = true;
    stop_->request();
  }
}

}  // namespace outboard::cli
