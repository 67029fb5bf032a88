// outboard-inner: pid 1 of a sandbox's inner layer, where the model's commands run.
//
// exec agent --control socket (descriptor 3)--> this → a host for each request. It is the only way
// in: nothing outside has to enter the model's namespaces, so nothing outside needs the rights to.
//
// What always holds: it has no capabilities, cannot be traced or read by the model's processes
// (which run as the same user), takes no word from them, and when the agent is gone it ends and
// the kernel ends everything with it. One thread; it never blocks on anything but its agent.
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "harness/exec_agent/inner/hosts.h"
#include "harness/exec_agent/inner/process_tree.h"
#include "harness/exec_agent/inner_words.h"

using namespace outboard::harness;

namespace {

// In the new host: it keeps its own conversation and nothing of init's.
[[noreturn]] void become_host(const Received& request, int children) {
  ::close(kInnerControlFd);
  ::close(children);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const auto words = read_words(request.fds[1]);
  ::close(request.fds[1]);
  const int conversation = request.fds[0];
  if (!words) ::_exit(1);
  switch (request.message.kind) {
    case InnerKind::command:
      host_command(conversation, *words, request.fds.size() > 2 ? request.fds[2] : -1);
    case InnerKind::shell: host_shell(conversation, *words);
    case InnerKind::read_file: host_read_file(conversation, *words);
    case InnerKind::write_file: host_write_file(conversation, *words);
    case InnerKind::stop_all:
    case InnerKind::continue_all:
    case InnerKind::signal:
    case InnerKind::run:
    case InnerKind::commit:
    case InnerKind::started:
    case InnerKind::ended:
    case InnerKind::opened:
    case InnerKind::finished: break;
  }
  ::_exit(1);
}

void take_request(int children) {
  const auto request = receive_message(kInnerControlFd);
  if (!request) ::_exit(0);  // the agent is gone: the kernel kills the rest of this namespace
  if (request->fds.size() >= 2) {
    const InnerKind kind = request->message.kind;
    if (kind == InnerKind::stop_all) {
      const bool stopped = stop_everything();
      send_message(request->fds[0], {InnerKind::finished, stopped ? 0 : EBUSY});
    } else if (kind == InnerKind::continue_all) {
      continue_everything();
      send_message(request->fds[0], {InnerKind::finished, 0});
    } else {
      const pid_t pid = ::fork();
      if (pid == 0) become_host(*request, children);
      if (pid < 0) send_message(request->fds[0], {InnerKind::started, errno});
    }
  }
  for (const int fd : request->fds) ::close(fd);
}

}  // namespace

int main() {
  ::prctl(PR_SET_DUMPABLE, 0);
  sigset_t changes;
  ::sigemptyset(&changes);
  ::sigaddset(&changes, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &changes, nullptr);
  ::fcntl(kInnerControlFd, F_SETFD, FD_CLOEXEC);
  const int children = ::signalfd(-1, &changes, SFD_CLOEXEC | SFD_NONBLOCK);
  if (children < 0 || !send_message(kInnerControlFd, {InnerKind::started, 0})) return 1;
  std::array<pollfd, 2> ready{pollfd{kInnerControlFd, POLLIN, 0}, pollfd{children, POLLIN, 0}};
  while (true) {
    if (::poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) return 1;
    if (ready[1].revents != 0) {
      signalfd_siginfo change{};
      while (::read(children, &change, sizeof change) > 0) {
      }
      while (::waitpid(-1, nullptr, WNOHANG) > 0) {
      }
    }
    if (ready[0].revents != 0) take_request(children);
  }
}
