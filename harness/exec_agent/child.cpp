#include "harness/exec_agent/child.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "core/limits.h"

namespace outboard::harness {
namespace {

// Of one command, before others have their turn; also more than a pipe holds.
constexpr std::size_t kOutputAtOnceBytes = 1U << 20U;

enum class Got { some, nothing, end };

// Reads what is there into `take`, up to kOutputAtOnceBytes.
template <class Take>
Got read_available(int fd, Take&& take) {
  std::array<char, kOutputPartBytes> bytes{};
  for (std::size_t total = 0; total < kOutputAtOnceBytes;) {
    const ssize_t n = ::read(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Got::nothing;
    if (n == 0) return Got::end;
    take(std::string_view(bytes.data(), static_cast<std::size_t>(n)));
    total += static_cast<std::size_t>(n);
  }
  return Got::some;
}

std::optional<ShellState> state_of(const std::vector<Descriptor>& fds) {
  if (fds.empty()) return std::nullopt;
  auto words = read_words(fds[0].get());
  if (!words || words->size() != 2) return std::nullopt;
  return ShellState{std::move((*words)[0]), std::move((*words)[1])};
}

// A process that a command left running may print for ever; nobody listens, but it must not be
// killed by SIGPIPE for it. Its descriptor lives as long as the callback.
void discard_output(EventLoop& loop, Descriptor output) {
  const int fd = output.get();
  auto held = std::make_shared<Descriptor>(std::move(output));
  loop.add(fd, [&loop, held, fd] {
    if (read_available(fd, [](std::string_view) {}) == Got::end) loop.remove(fd);
  });
}

}  // namespace

Result<OutputPipe> make_output_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    return Error{Code::unavailable, "no descriptor left for output; end some commands first", {}};
  }
  OutputPipe pipe{Descriptor(ends[0]), Descriptor(ends[1])};
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  ::fchmod(ends[1], 0666);
  return pipe;
}

Child::Child(EventLoop& loop, const Clock& clock, ChildParts parts)
    : loop_(loop), clock_(clock), parts_(std::move(parts)), over_(false) {}

void Child::begin() {
  auto self = shared_from_this();
  loop_.add(parts_.output.get(), [self] { self->take_output(); });
  loop_.add(parts_.conversation->get(), [self] { self->take_answer(); });
  if (parts_.timeout.count() <= 0) return;
  loop_.at(clock_.now() + parts_.timeout, [weak = weak_from_this()] {
    if (const auto child = weak.lock()) child->time_out();
  });
}

bool Child::signal(int number) {
  return over_.with([&](bool over) {
    return !over && send_message(parts_.conversation->get(), {InnerKind::signal, number});
  });
}

void Child::time_out() {
  if (over_.with([](bool over) { return over; })) return;
  timed_out_ = true;
  signal(SIGKILL);
}

void Child::take_output() {
  const Got got = read_available(parts_.output.get(),
                                 [&](std::string_view bytes) { parts_.log->append(bytes); });
  if (got != Got::end) return;
  loop_.remove(parts_.output.get());  // closed by all; the command may still run
  parts_.output.reset();
}

void Child::take_answer() {
  auto answer = next_answer(parts_.conversation->get(), Moment::min());
  CallEnd end;
  end.timed_out = timed_out_;
  if (!answer) {  // its host was killed, and the command with it or by it
    end.signal = SIGKILL;
    return complete(end, std::nullopt);
  }
  if (answer->message.kind != InnerKind::ended) return;
  const int status = answer->message.value;
  if (WIFSIGNALED(status)) {
    end.signal = WTERMSIG(status);
  } else {
    end.exit_code = WEXITSTATUS(status);
  }
  complete(end, state_of(answer->fds));
}

void Child::complete(CallEnd end, std::optional<ShellState> state) {
  auto self = shared_from_this();  // the loop's callbacks are about to let go
  const bool again = over_.with([](bool& over) { return std::exchange(over, true); });
  if (again) return;
  loop_.remove(parts_.conversation->get());
  if (parts_.output) {
    loop_.remove(parts_.output.get());
    // All that it printed is in the pipe by now.
    const Got got = read_available(parts_.output.get(),
                                   [&](std::string_view bytes) { parts_.log->append(bytes); });
    if (got != Got::end) discard_output(loop_, std::move(parts_.output));
  }
  // Whoever hears of the end may at once want the shell, or freeze.
  parts_.admission.reset();
  parts_.ended(std::move(state));
  end.ended = clock_.wall();
  parts_.log->finish(end);
}

}  // namespace outboard::harness
