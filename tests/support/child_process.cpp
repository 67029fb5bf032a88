#include "tests/support/child_process.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "core/check.h"

namespace outboard::tests {
namespace {

// Between fork and exec only these: no allocation, no lock.
[[noreturn]] void become(char* const* command, char* const* environment, const passwd* user,
                         int output, int end_signal) {
  if (user != nullptr) {
    if (::setgroups(0, nullptr) != 0 || ::setgid(user->pw_gid) != 0 ||
        ::setuid(user->pw_uid) != 0) {
      ::_exit(126);
    }
  }
  ::prctl(PR_SET_PDEATHSIG, end_signal);  // after setuid, which clears it
  if (output >= 0) {
    ::dup2(output, 1);
    ::dup2(output, 2);
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execve(command[0], command, environment);
  ::_exit(127);
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (auto& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

ChildProcess::ChildProcess(std::vector<std::string> command, ChildOptions options)
    : options_(std::move(options)) {
  std::vector<std::string> environment = options_.environment;
  for (char** own = environ; *own != nullptr; ++own) environment.emplace_back(*own);
  const auto arguments = pointers_to(command);
  const auto variables = pointers_to(environment);
  const passwd* user = nullptr;
  if (!options_.user.empty() && ::geteuid() == 0) {
    user = ::getpwnam(options_.user.c_str());
    CHECK(user != nullptr);
  }
  int output = -1;
  if (!options_.output.empty()) {
    output = ::open(options_.output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    CHECK(output >= 0);
  }
  pid_ = ::fork();
  CHECK(pid_ >= 0);
  if (pid_ == 0) become(arguments.data(), variables.data(), user, output, options_.end_signal);
  if (output >= 0) ::close(output);
}

ChildProcess::~ChildProcess() {
  if (status_ >= 0) return;
  signal(options_.end_signal);
  wait();
}

void ChildProcess::signal(int number) const {
  if (status_ < 0) ::kill(pid_, number);
}

int ChildProcess::wait() {
  if (status_ >= 0) return status_;
  int raw = 0;
  while (::waitpid(pid_, &raw, 0) < 0) CHECK(errno == EINTR);
  status_ = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
  return status_;
}

int run(std::vector<std::string> command, ChildOptions options) {
  return ChildProcess(std::move(command), std::move(options)).wait();
}

}  // namespace outboard::tests
