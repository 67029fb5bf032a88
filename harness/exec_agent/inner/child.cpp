#include "harness/exec_agent/inner/child.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>

namespace outboard::harness {
namespace {

constexpr int kHighFd = 300;  // above every number that a plan may ask for

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (auto& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::string name_of(const std::string& variable) {
  return variable.substr(0, variable.find('='));
}

std::vector<std::string> merged_environment(const std::vector<std::string>& added) {
  std::vector<std::string> merged = added;
  for (char** own = environ; *own != nullptr; ++own) {
    const std::string name = name_of(*own);
    const bool replaced = std::any_of(added.begin(), added.end(), [&](const std::string& variable) {
      return name_of(variable) == name;
    });
    if (!replaced) merged.emplace_back(*own);
  }
  return merged;
}

[[noreturn]] void give_up(int report) {
  const int reason = errno;
  if (::write(report, &reason, sizeof reason) < 0) ::_exit(126);
  ::_exit(127);
}

// `report` and the kept descriptors are above kHighFd here, so that none is overwritten.
void place_descriptors(const ChildPlan& plan, const std::vector<int>& raised, int output,
                       int report) {
  const int null = ::open("/dev/null", O_RDWR);
  if (null < 0 || ::dup2(null, 0) < 0) give_up(report);
  const int to = output < 0 ? null : output;
  if (::dup2(to, 1) < 0 || ::dup2(to, 2) < 0) give_up(report);
  for (std::size_t i = 0; i < raised.size(); ++i) {
    if (::dup2(raised[i], plan.keep[i].second) < 0) give_up(report);
  }
  int first = 3;
  auto kept = plan.keep;
  std::sort(kept.begin(), kept.end(), [](auto a, auto b) { return a.second < b.second; });
  for (const auto& [from, number] : kept) {
    if (number > first) ::close_range(unsigned(first), unsigned(number - 1), CLOSE_RANGE_CLOEXEC);
    first = number + 1;
  }
  ::close_range(unsigned(first), ~0U, CLOSE_RANGE_CLOEXEC);
}

[[noreturn]] void become(const ChildPlan& plan, int report) {
  ::setsid();
  std::vector<int> raised;
  for (const auto& [from, number] : plan.keep) raised.push_back(::fcntl(from, F_DUPFD, kHighFd));
  report = ::fcntl(report, F_DUPFD_CLOEXEC, kHighFd);
  const int output = plan.output < 0 ? -1 : ::fcntl(plan.output, F_DUPFD, kHighFd);
  place_descriptors(plan, raised, output, report);
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::umask(022);
  if (::chdir(plan.directory.c_str()) != 0) give_up(report);
  std::vector<std::string> arguments = plan.arguments;
  std::vector<std::string> variables = merged_environment(plan.environment);
  const auto pointers = pointers_to(arguments);
  const auto environment = pointers_to(variables);
  ::execvpe(pointers[0], pointers.data(), environment.data());
  give_up(report);
}

}  // namespace

pid_t start_child(const ChildPlan& plan) {
  int report[2];
  if (plan.arguments.empty()) {
    errno = EINVAL;
    return -1;
  }
  if (::pipe2(report, O_CLOEXEC) != 0) return -1;
  const pid_t pid = ::fork();
  if (pid == 0) become(plan, report[1]);
  ::close(report[1]);
  int reason = 0;
  const bool failed = pid > 0 && ::read(report[0], &reason, sizeof reason) == sizeof reason;
  ::close(report[0]);
  if (!failed) return pid;
  ::waitpid(pid, nullptr, 0);
  errno = reason;
  return -1;
}

int watch_children() {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  sigset_t changes;
  ::sigemptyset(&changes);
  ::sigaddset(&changes, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &changes, nullptr);
  return ::signalfd(-1, &changes, SFD_CLOEXEC | SFD_NONBLOCK);
}

}  // namespace outboard::harness
