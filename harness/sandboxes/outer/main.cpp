// outboard-outer: pid 1 of a sandbox's outer layer. When it ends, the kernel ends the sandbox.
//
// provider → bwrap → this → outboard-fuse (for the views), and as a pair bwrap → outboard-inner
// (the inner layer) and outboard-exec (the agent), joined by a socket. Three programs, three uids.
//
// What always holds: agent and inner layer live and die together (a command whose agent is gone is
// killed, not left unwatched), and are started anew as long as that helps; the mount daemon's end
// is the sandbox's, unless another has taken over from it [S59]. SIGTERM ends it in order: commands
// first, then the mounts with what they have not saved yet. One thread, no privileges on the host
// but what its maker left it: mounting and uids.
#include <fcntl.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "core/limits.h"
#include "harness/sandboxes/outer/launch.h"
#include "harness/sandboxes/outer/mount_daemon.h"
#include "harness/sandboxes/outer/outer_plan.h"
#include "harness/sandboxes/outer/ready_pipe.h"

using namespace outboard;
using namespace outboard::harness;

namespace {

// Agents that die without having been ready: it will not get better.
constexpr int kFailedPairsMax = 3;

void say(std::string_view text) {
  std::fprintf(stderr, "outboard-outer: %.*s\n", static_cast<int>(text.size()), text.data());
}

class Outer {
 public:
  explicit Outer(OuterPlan plan) : plan_(std::move(plan)) {}

  int live();

 private:
  bool begin();
  bool start_pair();
  void end_pair();
  void say_ready();
  bool await_end();  // true: go on with a new pair
  bool reap();

  const OuterPlan plan_;
  MountDaemon daemon_{plan_};
  int signals_ = -1;
  pid_t inner_ = -1;
  pid_t agent_ = -1;
  bool told_ready_ = false;
};

bool Outer::begin() {
  sigset_t watched;
  ::sigemptyset(&watched);
  ::sigaddset(&watched, SIGCHLD);
  ::sigaddset(&watched, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &watched, nullptr);
  signals_ = ::signalfd(-1, &watched, SFD_CLOEXEC);
  // bwrap covers parts of its /proc; an inner layer may mount one of its own only where a whole one
  // is in sight.
  if (::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0)
    return false;
  char go = 0;
  return signals_ >= 0 && ::read(plan_.go_fd, &go, 1) == 1 && ::close(plan_.go_fd) == 0;
}

bool Outer::start_pair() {
  int ends[2];
  ReadyPipe ready;
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0 || !ready.open()) {
    return false;
  }
  Launch inner;
  inner.command = inner_command(plan_);
  inner.user = plan_.command_user;
  inner.keep = {{ends[1], 3}};
  inner.log = "/box/log/inner";
  inner.processes_max = kSandboxProcessesMax;
  if (plan_.cgroup) inner.cgroup = "/cgroup";
  inner_ = launch(inner);
  Launch agent;
  agent.command = agent_command(plan_, 3, 4);
  agent.user = plan_.agent_user;
  agent.keep = {{ends[0], 3}, {ready.write, 4}};
  agent.log = "/box/log/outboard-exec";
  agent_ = launch(agent);
  ::close(ends[0]);
  ::close(ends[1]);
  return ready.wait() && inner_ > 0 && agent_ > 0;
}

void thaw() {
  for (const auto& [file, text] :
       {std::pair<const char*, const char*>{"/cgroup/cgroup.freeze", "0"},
        {"/cgroup/freezer.state", "THAWED"}}) {
    const int fd = ::open(file, O_WRONLY | O_CLOEXEC);
    if (fd < 0) continue;
    if (::write(fd, text, std::string_view(text).size()) < 0) say("cannot thaw the inner layer");
    ::close(fd);
  }
}

void kill_and_reap(pid_t& pid) {
  if (pid > 0) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
  pid = -1;
}

// The inner bwrap's death is its pid 1's, and with that one the kernel ends the inner layer.
void Outer::end_pair() {
  kill_and_reap(agent_);
  if (plan_.cgroup) thaw();  // in cgroup v1 a frozen process does not even die
  kill_and_reap(inner_);
}

void Outer::say_ready() {
  if (told_ready_) return;
  told_ready_ = true;
  if (::write(plan_.ready_fd, "ready\n", 6) != 6) say("nobody waits for this sandbox");
  ::close(plan_.ready_fd);
}

bool Outer::await_end() {
  while (true) {
    std::vector<pollfd> news = daemon_.watched();
    news.push_back({signals_, POLLIN, 0});
    if (::poll(news.data(), news.size(), -1) < 0 && errno != EINTR) return false;
    // Before anybody is reaped: who spoke is known by its number.
    if (!daemon_.look()) {
      say("the mount daemon has ended, and the sandbox with it");
      return false;
    }
    if (news.back().revents == 0) continue;
    signalfd_siginfo signal{};
    if (::read(signals_, &signal, sizeof signal) != sizeof signal) return false;
    if (signal.ssi_signo == SIGTERM) return false;
    if (reap()) return true;
  }
}

// True: one of the pair has ended.
bool Outer::reap() {
  bool pair_ended = false;
  while (true) {
    const pid_t pid = ::waitpid(-1, nullptr, WNOHANG);
    if (pid <= 0) return pair_ended;
    if (pid == agent_ || pid == inner_) pair_ended = true;
    if (pid == agent_) agent_ = -1;
    if (pid == inner_) inner_ = -1;
  }
}

int Outer::live() {
  if (!begin()) return 1;
  int failed = 0;
  bool go_on = daemon_.start();
  if (!go_on) say("the mount daemon did not become ready; see log/outboard-fuse");
  while (go_on) {
    if (start_pair()) {
      failed = 0;
      say_ready();
      go_on = await_end();
    } else {
      say("exec agent or inner layer did not become ready; see log/outboard-exec and log/inner");
      go_on = ++failed < kFailedPairsMax && told_ready_;
    }
    end_pair();
  }
  daemon_.end();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  OuterPlan plan;
  if (const std::string wrong = parse_plan(argc, argv, plan); !wrong.empty()) {
    say(wrong);
    return 2;
  }
  return Outer(std::move(plan)).live();
}
