#include "harness/sandboxes/outer/launch.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>

namespace outboard::harness {
namespace {

constexpr int kHighFd = 100;  // above every number that a plan asks for

bool place_descriptors(const Launch& plan) {
  const int null = ::open("/dev/null", O_RDONLY);
  const int log = ::open(plan.log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (null < 0 || log < 0) return false;
  std::vector<int> raised;
  for (const auto& [from, number] : plan.keep) raised.push_back(::fcntl(from, F_DUPFD, kHighFd));
  if (::dup2(null, 0) < 0 || ::dup2(log, 1) < 0 || ::dup2(log, 2) < 0) return false;
  int top = 3;
  for (std::size_t i = 0; i < raised.size(); ++i) {
    if (::dup2(raised[i], plan.keep[i].second) < 0) return false;
    top = std::max(top, plan.keep[i].second + 1);
  }
  for (int fd = 3; fd < top; ++fd) {
    const bool kept = std::any_of(plan.keep.begin(), plan.keep.end(),
                                  [&](const auto& pair) { return pair.second == fd; });
    if (!kept) ::close(fd);
  }
  return ::close_range(static_cast<unsigned>(top), ~0U, 0) == 0;
}

bool enter_cgroup(const std::string& cgroup) {
  if (cgroup.empty()) return true;
  const int procs = ::open((cgroup + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC);
  return procs >= 0 && ::write(procs, "0", 1) == 1;
}

// Exactly these, also across exec.
bool keep_capabilities(const std::vector<int>& capabilities) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  for (const int capability : capabilities) {
    const auto word = static_cast<std::size_t>(capability / 32);
    const __u32 bit = 1U << static_cast<unsigned>(capability % 32);
    data[word].effective |= bit;
    data[word].permitted |= bit;
    data[word].inheritable |= bit;
  }
  if (::syscall(SYS_capset, &header, data.data()) != 0) return false;
  return std::all_of(capabilities.begin(), capabilities.end(), [](int capability) {
    return ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) == 0;
  });
}

// Its uid is its sandbox's alone, so that the kernel counts no others.
bool limit_processes(const Launch& plan) {
  const rlimit no_dumps{0, 0};
  const rlimit processes{plan.processes_max, plan.processes_max};
  if (::setrlimit(RLIMIT_CORE, &no_dumps) != 0) return false;
  return plan.processes_max == 0 || ::setrlimit(RLIMIT_NPROC, &processes) == 0;
}

bool become_user(const Launch& plan) {
  ::prctl(PR_SET_KEEPCAPS, plan.capabilities.empty() ? 0 : 1);
  return ::setgroups(0, nullptr) == 0 && ::setresgid(plan.user, plan.user, plan.user) == 0 &&
         ::setresuid(plan.user, plan.user, plan.user) == 0 && keep_capabilities(plan.capabilities);
}

std::vector<char*> pointers_to(const std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (const auto& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

[[noreturn]] void become(const Launch& plan) {
  ::setsid();
  ::umask(022);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (!enter_cgroup(plan.cgroup) || !place_descriptors(plan)) ::_exit(126);
  if (!limit_processes(plan) || !become_user(plan)) ::_exit(126);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::vector<char*> arguments = pointers_to(plan.command);
  std::vector<std::string> words = plan.environment;
  words.emplace_back("PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
  std::vector<char*> environment = pointers_to(words);
  if (plan.program < 0) {
    ::execve(arguments[0], arguments.data(), environment.data());
  } else if (::fcntl(plan.program, F_SETFD, FD_CLOEXEC) == 0) {
    ::fexecve(plan.program, arguments.data(), environment.data());
  }
  ::_exit(127);
}

}  // namespace

pid_t launch(const Launch& plan) {
  const pid_t pid = ::fork();
  if (pid == 0) become(plan);
  return pid;
}

}  // namespace outboard::harness
