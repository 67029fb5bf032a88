#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "harness/exec_agent/inner/child.h"
#include "harness/exec_agent/inner/hosts.h"
#include "harness/exec_agent/inner/process_tree.h"
#include "harness/exec_agent/inner_words.h"

namespace outboard::harness {
namespace {

ChildPlan plan_of(const std::vector<std::string>& words, int output) {
  ChildPlan plan;
  plan.output = output;
  if (words.empty()) return plan;
  plan.directory = words[0];
  const auto end = std::find(words.begin() + 1, words.end(), std::string());
  plan.environment.assign(words.begin() + 1, end);
  if (end != words.end()) plan.arguments.assign(end + 1, words.end());
  return plan;
}

[[noreturn]] void end_all() {
  signal_descendants(SIGKILL);
  ::_exit(0);
}

// Reaps whoever ended; true with `status` when `main` did.
bool main_ended(pid_t main, int& status) {
  while (true) {
    int raw = 0;
    const pid_t pid = ::waitpid(-1, &raw, WNOHANG);
    if (pid <= 0) return false;
    if (pid != main) continue;
    status = raw;
    return true;
  }
}

void take_order(int conversation) {
  const auto order = receive_message(conversation);
  if (!order) end_all();
  for (const int fd : order->fds) ::close(fd);
  if (order->message.kind == InnerKind::signal) signal_descendants(order->message.value);
}

}  // namespace

void host_command(int conversation, const std::vector<std::string>& words, int output) {
  const int changes = watch_children();
  const pid_t main = start_child(plan_of(words, output));
  const int reason = main < 0 ? errno : 0;
  ::close(output);
  if (!send_message(conversation, {InnerKind::started, reason}) || main < 0) end_all();
  std::array<pollfd, 2> ready{pollfd{conversation, POLLIN, 0}, pollfd{changes, POLLIN, 0}};
  while (true) {
    if (::poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) end_all();
    signalfd_siginfo change{};
    while (::read(changes, &change, sizeof change) > 0) {
    }
    int status = 0;
    if (main_ended(main, status)) {
      send_message(conversation, {InnerKind::ended, status});
      // What it left running goes on, as children of init.
      ::_exit(0);
    }
    if (ready[0].revents != 0) take_order(conversation);
  }
}

}  // namespace outboard::harness
