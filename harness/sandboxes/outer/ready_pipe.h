// ReadyPipe: how a program that is started here says that it is ready: a line on the read end. The
// end without one says that it never will be.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace outboard::harness {

struct ReadyPipe {
  static constexpr int kWait_ms = 20'000;

  int read = -1;
  int write = -1;

  bool open() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return false;
    read = ends[0];
    write = ends[1];
    return true;
  }
  bool wait() {
    ::close(write);
    pollfd ready{read, POLLIN, 0};
    char first = 0;
    const bool said = ::poll(&ready, 1, kWait_ms) == 1 && ::read(read, &first, 1) == 1;
    ::close(read);
    return said;
  }
};

}  // namespace outboard::harness
