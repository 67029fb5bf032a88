#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "harness/exec_agent/inner/child.h"
#include "harness/exec_agent/inner/hosts.h"
#include "harness/exec_agent/inner/process_tree.h"
#include "harness/exec_agent/inner_words.h"

namespace outboard::harness {
namespace {

constexpr int kGoFd = 198;
constexpr int kReportFd = 199;
constexpr int kOutputFd = 200;
constexpr int kTextFd = 201;
constexpr int kRestoreFd = 202;
constexpr std::size_t kReportBytesMax = 2U << 20U;

// What the one bash runs. A command sees neither 198 nor 199; its own redirections end with it.
constexpr const char* kLoop = R"(
IFS= builtin read -r -d '' __outboard_text </proc/$PPID/fd/202 || :
builtin eval "$__outboard_text"
while IFS= builtin read -r -u 198 __outboard_text; do
  IFS= builtin read -r -d '' __outboard_text </proc/$PPID/fd/201 || :
  builtin eval "$__outboard_text" >/proc/$PPID/fd/200 2>&1 </dev/null 198<&- 199>&-
  { builtin printf '%s\0%s\0' "$?" "$PWD"; builtin export -p; builtin printf '\0'; } >&199
done
)";

class Shell {
 public:
  explicit Shell(int conversation) : conversation_(conversation) {}

  [[noreturn]] void serve(const std::string& restore);

 private:
  bool start(const std::string& restore);
  void take_order();
  void take_report();
  void reap();
  void close_run();
  [[noreturn]] void end_all();

  const int conversation_;
  int changes_ = -1;
  int go_ = -1;
  int reports_ = -1;
  pid_t bash_ = -1;
  bool running_ = false;
  std::string report_;
};

void Shell::end_all() {
  signal_descendants(SIGKILL);
  ::_exit(0);
}

bool Shell::start(const std::string& restore) {
  int go[2];
  int reports[2];
  if (::pipe2(go, O_CLOEXEC) != 0 || ::pipe2(reports, O_CLOEXEC | O_NONBLOCK) != 0) return false;
  const int text = write_text(restore);
  if (text < 0 || ::dup3(text, kRestoreFd, O_CLOEXEC) < 0) return false;
  ::close(text);
  go_ = go[1];
  reports_ = reports[0];
  const int flags = ::fcntl(reports[1], F_GETFL);
  ::fcntl(reports[1], F_SETFL, flags & ~O_NONBLOCK);
  ChildPlan plan;
  plan.arguments = {"bash", "--noprofile", "--norc", "-c", kLoop, "bash"};
  plan.directory = std::string(kInnerWorkspace);
  plan.keep = {{go[0], kGoFd}, {reports[1], kReportFd}};
  bash_ = start_child(plan);
  const int reason = errno;
  ::close(go[0]);
  ::close(reports[1]);
  errno = reason;
  return bash_ > 0;
}

void Shell::close_run() {
  ::close(kOutputFd);
  ::close(kTextFd);
}

void Shell::take_order() {
  const auto order = receive_message(conversation_);
  if (!order) end_all();
  if (order->message.kind == InnerKind::signal) signal_descendants(order->message.value);
  if (order->message.kind == InnerKind::run && order->fds.size() == 2 && !running_) {
    ::dup3(order->fds[0], kTextFd, O_CLOEXEC);
    ::dup3(order->fds[1], kOutputFd, O_CLOEXEC);
    running_ = true;
    if (::write(go_, "\n", 1) != 1) end_all();
  }
  for (const int fd : order->fds) ::close(fd);
}

// "3\0/workspace/src\0declare -x …\0"
void Shell::take_report() {
  std::array<char, 65'536> bytes{};
  const ssize_t n = ::read(reports_, bytes.data(), bytes.size());
  if (n <= 0) return;
  report_.append(bytes.data(), static_cast<std::size_t>(n));
  if (report_.size() > kReportBytesMax) end_all();
  std::vector<std::string> words;
  std::size_t at = 0;
  for (std::size_t end = report_.find('\0'); end != std::string::npos;
       end = report_.find('\0', at)) {
    words.push_back(report_.substr(at, end - at));
    at = end + 1;
  }
  if (words.size() < 3 || !running_) return;
  running_ = false;
  report_.clear();
  close_run();
  const int state = write_words({words[1], words[2]});
  const int exit_code = std::atoi(words[0].c_str()) & 0xff;
  send_message(conversation_, {InnerKind::ended, exit_code << 8}, {state});
  ::close(state);
}

void Shell::reap() {
  signalfd_siginfo change{};
  while (::read(changes_, &change, sizeof change) > 0) {
  }
  while (true) {
    int status = 0;
    const pid_t pid = ::waitpid(-1, &status, WNOHANG);
    if (pid <= 0) return;
    if (pid != bash_) continue;
    if (running_) send_message(conversation_, {InnerKind::ended, status});
    ::_exit(0);
  }
}

void Shell::serve(const std::string& restore) {
  ::prctl(PR_SET_DUMPABLE, 1);  // or the shell could not open our descriptors
  changes_ = watch_children();
  const bool up = start(restore);
  send_message(conversation_, {InnerKind::started, up ? 0 : errno});
  if (!up) end_all();
  std::array<pollfd, 3> ready{pollfd{conversation_, POLLIN, 0}, pollfd{changes_, POLLIN, 0},
                              pollfd{reports_, POLLIN, 0}};
  while (true) {
    if (::poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) end_all();
    if (ready[2].revents != 0) take_report();
    if (ready[1].revents != 0) reap();
    if (ready[0].revents != 0) take_order();
  }
}

}  // namespace

void host_shell(int conversation, const std::vector<std::string>& words) {
  Shell(conversation).serve(words.empty() ? std::string() : words[0]);
}

}  // namespace outboard::harness
