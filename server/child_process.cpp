#include "server/child_process.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

namespace outboard::server {
namespace {

class Fd {
 public:
  explicit Fd(int number = -1) : number_(number) {}
  ~Fd() {
    if (number_ >= 0) ::close(number_);
  }
  Fd(Fd&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;

  int get() const { return number_; }
  int release() { return std::exchange(number_, -1); }

 private:
  int number_;
};

struct Pipe {
  Fd read;
  Fd write;
};

std::optional<Pipe> open_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  out.reserve(strings.size() + 1);
  for (const std::string& text : strings) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

// What the child needs, made before the fork: after it, only async-signal-safe calls are allowed.
struct Launch {
  const ChildCommand& command;
  std::vector<char*> arguments;
  std::vector<char*> environment;
  int input;
  int output;
  int report;  // closed by a successful exec; else carries errno
  pid_t parent;
};

bool become(const Account& account) {
  return ::setgroups(account.groups.size(), account.groups.data()) == 0 &&
         ::setgid(account.gid) == 0 && ::setuid(account.uid) == 0;
}

bool prepare_child(const Launch& launch) {
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::setsid();
  if (::dup2(launch.input, 0) < 0 || ::dup2(launch.output, 1) < 0 || ::dup2(launch.output, 2) < 0) {
    return false;
  }
  if (launch.command.run_as && !become(*launch.command.run_as)) return false;
  // After the change of user, which clears it. The parent may have died before: then its end was
  // not signalled, and the child must not outlive it.
  ::prctl(PR_SET_PDEATHSIG, launch.command.death_signal);
  if (::getppid() != launch.parent) ::_exit(127);
  if (::chdir(launch.command.working_directory.c_str()) != 0) return false;
  ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  return true;
}

[[noreturn]] void run_child(const Launch& launch) {
  if (prepare_child(launch)) {
    ::execve(launch.arguments.front(), launch.arguments.data(), launch.environment.data());
  }
  const int reason = errno;
  [[maybe_unused]] const auto written = ::write(launch.report, &reason, sizeof reason);
  ::_exit(127);
}

Error cannot_start(const ChildCommand& command, int reason) {
  return Error{Code::unavailable,
               "cannot start " + command.arguments.front() + ": " + std::strerror(reason),
               command.arguments.front()};
}

// The last of what a program printed, for an error message.
std::string tail_of(const std::string& output) {
  constexpr std::size_t kShown = 1'500;
  std::string tail = output.size() > kShown ? output.substr(output.size() - kShown) : output;
  while (!tail.empty() && tail.back() == '\n') tail.pop_back();
  return tail;
}

int milliseconds_until(Moment deadline) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return left.count() < 0 ? 0 : static_cast<int>(std::min<std::int64_t>(left.count(), 60'000));
}

void drain_output(int fd, std::string& output) {
  std::array<char, 4096> buffer;
  for (ssize_t got = 0; (got = ::read(fd, buffer.data(), buffer.size())) > 0;) {
    output.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace

int open_process(pid_t pid) {
  return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}

Result<Account> find_account(const std::string& name) {
  std::array<char, 16'384> buffer;
  passwd entry{};
  passwd* found = nullptr;
  ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) return Error{Code::not_found, "there is no user '" + name + "'", name};
  Account account{name, entry.pw_uid, entry.pw_gid, {}};
  int count = 64;
  account.groups.resize(static_cast<std::size_t>(count));
  if (::getgrouplist(name.c_str(), entry.pw_gid, account.groups.data(), &count) < 0) {
    account.groups.resize(static_cast<std::size_t>(count));
    ::getgrouplist(name.c_str(), entry.pw_gid, account.groups.data(), &count);
  }
  account.groups.resize(static_cast<std::size_t>(count));
  return account;
}

Result<std::unique_ptr<ChildProcess>> ChildProcess::start(const ChildCommand& command) {
  auto input = open_pipe();
  auto output = open_pipe();
  auto report = open_pipe();
  if (!input || !output || !report) return cannot_start(command, errno);
  ::fcntl(output->read.get(), F_SETFL, O_NONBLOCK);
  ::fcntl(input->write.get(), F_SETFL, O_NONBLOCK);
  const auto offered = ::write(input->write.get(), command.input.data(), command.input.size());
  if (offered != static_cast<ssize_t>(command.input.size())) return cannot_start(command, EMSGSIZE);
  input->write = Fd();

  const Launch launch{command,           pointers(command.arguments), pointers(command.environment),
                      input->read.get(), output->write.get(),         report->write.get(),
                      ::getpid()};
  const pid_t pid = ::fork();
  if (pid < 0) return cannot_start(command, errno);
  if (pid == 0) run_child(launch);

  Fd exit_fd(open_process(pid));
  if (exit_fd.get() < 0) {
    const int reason = errno;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return cannot_start(command, reason);
  }
  std::unique_ptr<ChildProcess> child(
      new ChildProcess(pid, exit_fd.release(), output->read.release()));
  report->write = Fd();
  int reason = 0;
  if (::read(report->read.get(), &reason, sizeof reason) == sizeof reason) {
    return cannot_start(command, reason);
  }
  return child;
}

ChildProcess::~ChildProcess() {
  if (!reap()) {
    signal(SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  ::close(exit_fd_);
  ::close(output_fd_);
}

void ChildProcess::signal(int number) const {
  if (!status_) ::kill(pid_, number);
}

std::optional<int> ChildProcess::reap() {
  int status = 0;
  if (!status_ && ::waitpid(pid_, &status, WNOHANG) == pid_) status_ = status;
  return status_;
}

std::string describe_exit(int wait_status) {
  if (WIFSIGNALED(wait_status)) {
    return "was killed by signal " + std::to_string(WTERMSIG(wait_status));
  }
  return "exited with code " + std::to_string(WEXITSTATUS(wait_status));
}

Result<std::string> run_to_end(const ChildCommand& command, Moment deadline) {
  auto started = ChildProcess::start(command);
  if (!started) return started.error();
  ChildProcess& child = **started;
  std::string output;
  std::optional<int> status;
  while (!status) {
    std::array<pollfd, 2> waits{pollfd{child.exit_fd(), POLLIN, 0},
                                pollfd{child.output_fd(), POLLIN, 0}};
    const int wait_ms = milliseconds_until(deadline);
    if (wait_ms == 0) {
      return Error{Code::timed_out, command.arguments.front() + " did not end in time",
                   command.arguments.front()};
    }
    ::poll(waits.data(), waits.size(), wait_ms);
    status = child.reap();
    drain_output(child.output_fd(), output);
    // Output closed before its end: only the end is left to wait for.
    if (!status && (waits[1].revents & POLLHUP) != 0) {
      ::poll(waits.data(), 1, milliseconds_until(deadline));
      status = child.reap();
    }
  }
  if (*status == 0) return output;
  return Error{Code::unavailable,
               command.arguments.front() + " " + describe_exit(*status) + ": " + tail_of(output),
               command.arguments.front()};
}

std::vector<std::string> Lines::add(std::string_view bytes) {
  std::vector<std::string> lines;
  for (const char c : bytes) {
    if (c != '\n') {
      rest_.push_back(c);
      continue;
    }
    lines.push_back(std::exchange(rest_, {}));
  }
  return lines;
}

}  // namespace outboard::server
