// ChildProcess: a program that a test runs, and that never outlives it.
//
// Test threads that start children must live as long as the child: the kernel ends it with them.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace outboard::tests {

struct ChildOptions {
  std::string user;                      // run as this user when we are root; empty: as we are
  std::vector<std::string> environment;  // "NAME=value", beside our own
  std::string output;                    // stdout and stderr go to this file; empty: to ours
  int end_signal = 15;                   // what ends it: SIGTERM
};

class ChildProcess {
 public:
  // Aborts the test program when `command` cannot be started.
  explicit ChildProcess(std::vector<std::string> command, ChildOptions options = {});
  // Sends the end signal and waits.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  void signal(int number) const;
  // Its exit code, or 128 and the number of the signal that ended it. Blocks.
  int wait();

 private:
  const ChildOptions options_;
  pid_t pid_ = -1;
  int status_ = -1;
};

// Runs `command` to its end and answers its exit code.
int run(std::vector<std::string> command, ChildOptions options = {});

}  // namespace outboard::tests
