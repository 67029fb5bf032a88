// ChildProcess: a program of somebody else's that lives and dies with this one.
//
// Embedded starts Postgres and initdb through it. Each child has a session of its own (a Ctrl-C in
// the terminal is for the server, which then stops its children in order), inherits no descriptor
// but its output, and is ended by the kernel when the thread that started it ends.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"

namespace outboard::server {

// A user of this machine, resolved before fork: between fork and exec nothing may be looked up.
struct Account {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
};

// not_found: there is no such user.
Result<Account> find_account(const std::string& name);

struct ChildCommand {
  std::vector<std::string> arguments;    // the first is the program, an absolute path
  std::vector<std::string> environment;  // all of it, each "NAME=value"
  std::optional<Account> run_as{};       // unset: as this process
  std::string working_directory = "/";
  std::string input{};   // given on standard input; at most a pipe's 64 KiB
  int death_signal = 9;  // what the kernel sends when the starting thread ends
};

// Used by the thread that started it.
class ChildProcess {
 public:
  // unavailable: it could not be started; the message says the program and why.
  static Result<std::unique_ptr<ChildProcess>> start(const ChildCommand& command);

  // Kills what still runs, and reaps it.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  int exit_fd() const { return exit_fd_; }      // readable once it has ended
  int output_fd() const { return output_fd_; }  // its standard output and error; never blocks
  void signal(int number) const;
  // Its wait status, once it has ended.
  std::optional<int> reap();

 private:
  ChildProcess(pid_t pid, int exit_fd, int output_fd)
      : pid_(pid), exit_fd_(exit_fd), output_fd_(output_fd) {}

  const pid_t pid_;
  const int exit_fd_;
  const int output_fd_;
  std::optional<int> status_;
};

// A descriptor that is readable once the process has ended (glibc 2.36 declares pidfd_open without
// C linkage, so it is called by number). -1 with errno: there is no such process.
int open_process(pid_t pid);

// "exited with code 1", "was killed by signal 9".
std::string describe_exit(int wait_status);

// Runs a program to its end and answers its output. unavailable: it could not start or ended with
// another code than 0 (the message ends with what it printed). timed_out: it was killed.
Result<std::string> run_to_end(const ChildCommand& command, Moment deadline);

// Cuts what arrived into lines; keeps the unfinished rest.
class Lines {
 public:
  std::vector<std::string> add(std::string_view bytes);

 private:
  std::string rest_;
};

}  // namespace outboard::server
