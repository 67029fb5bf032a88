#include "harness/exec_agent/inner_link.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace outboard::harness {
namespace {

// False when `deadline` has passed first.
bool wait_readable(int fd, Moment deadline) {
  while (true) {
    const Moment now = std::chrono::steady_clock::now();
    const std::int64_t left =
        deadline <= now ? 0 : std::chrono::ceil<std::chrono::milliseconds>(deadline - now).count();
    pollfd ready{fd, POLLIN, 0};
    const int wait_ms = static_cast<int>(std::min<std::int64_t>(left, 60'000));
    const int count = ::poll(&ready, 1, wait_ms);
    if (count > 0) return true;
    if (count < 0 && errno != EINTR) return false;
    if (left <= 0) return false;
  }
}

}  // namespace

Error inner_gone() {
  return Error{
      Code::unavailable,
      "the sandbox's inner layer is gone, its processes were killed; try again in a moment",
      {}};
}

std::optional<InnerAnswer> next_answer(int conversation, Moment deadline) {
  if (!wait_readable(conversation, deadline)) return std::nullopt;
  auto received = receive_message(conversation);
  if (!received) return std::nullopt;
  InnerAnswer answer;
  answer.message = received->message;
  for (const int fd : received->fds) answer.fds.emplace_back(fd);
  return answer;
}

InnerLink::InnerLink(Descriptor control) : control_(std::move(control)) {
  ::fcntl(control_.get(), F_SETFD, FD_CLOEXEC);
}

Result<Descriptor> InnerLink::open(InnerKind kind, const std::vector<std::string>& words,
                                   int output) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return inner_gone();
  Descriptor ours(ends[0]);
  const Descriptor theirs(ends[1]);
  const Descriptor text(write_words(words));
  if (!text) return inner_gone();
  std::vector<int> fds{theirs.get(), text.get()};
  if (output >= 0) fds.push_back(output);
  if (!send_message(control_.get(), {kind, 0}, fds)) return inner_gone();
  return ours;
}

Status InnerLink::wait_ready(Moment deadline) {
  const auto answer = next_answer(control_.get(), deadline);
  if (answer && answer->message.kind == InnerKind::started) return success();
  return Error{Code::unavailable, "the sandbox's inner layer did not start; its log says why", {}};
}

}  // namespace outboard::harness
