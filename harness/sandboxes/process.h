// Process: one process of this host that is not our child, known so well that no other can pass for
// it: its number and when it started.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "core/clock.h"

namespace outboard::harness {

struct ProcessId {
  pid_t pid = 0;
  std::uint64_t started = 0;  // as /proc/PID/stat has it

  friend bool operator==(const ProcessId&, const ProcessId&) = default;
};

// What runs under that number now; started 0: nothing.
ProcessId identify(pid_t pid);

class Process {
 public:
  explicit Process(const ProcessId& id);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  bool running() const;
  void signal(int number) const;
  // False: it still runs at the deadline.
  bool wait(Moment deadline) const;

 private:
  int fd_ = -1;  // a pidfd; -1: it is gone
};

}  // namespace outboard::harness
