#include "harness/sandboxes/process.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <string>

namespace outboard::harness {
namespace {

// Field 22, counted from the state (3) behind the name's last parenthesis.
constexpr int kStartFieldBehindName = 20;

}  // namespace

ProcessId identify(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  // Of a process that ends meanwhile the kernel says ESRCH, which getline does not throw.
  std::string text;
  std::getline(file, text, '\0');
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return ProcessId{pid, 0};
  std::istringstream fields(text.substr(name_end + 1));
  std::string field;
  for (int i = 0; i < kStartFieldBehindName; ++i) fields >> field;
  return ProcessId{pid, field.empty() ? 0 : std::stoull(field)};
}

Process::Process(const ProcessId& id) {
  if (id.pid <= 0 || id.started == 0) return;
  fd_ = static_cast<int>(::syscall(SYS_pidfd_open, id.pid, 0));
  // The number is pinned by now; whose it is decides.
  if (fd_ >= 0 && identify(id.pid) != id) {
    ::close(fd_);
    fd_ = -1;
  }
}

Process::~Process() {
  if (fd_ >= 0) ::close(fd_);
}

bool Process::running() const {
  return fd_ >= 0 && !wait(Moment::min());
}

void Process::signal(int number) const {
  if (fd_ >= 0) ::syscall(SYS_pidfd_send_signal, fd_, number, nullptr, 0);
}

bool Process::wait(Moment deadline) const {
  while (fd_ >= 0) {
    pollfd ended{fd_, POLLIN, 0};
    const auto now = std::chrono::steady_clock::now();
    const auto left =
        deadline <= now ? 0 : std::chrono::ceil<std::chrono::milliseconds>(deadline - now).count();
    const int count = ::poll(&ended, 1, static_cast<int>(std::min<std::int64_t>(left, 60'000)));
    if (count > 0) return true;
    if (left <= 0 && (count == 0 || errno != EINTR)) return false;
  }
  return true;
}

}  // namespace outboard::harness
