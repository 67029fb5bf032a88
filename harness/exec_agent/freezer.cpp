#include "harness/exec_agent/freezer.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "core/limits.h"

namespace outboard::harness {
namespace {

// Between looks at a freezer (a v1 one tells nobody at all): shorter than a freeze takes.
constexpr int kLook_us = 100;

Status write_file(const std::string& path, std::string_view text) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size())) {
    return success();
  }
  return Error{Code::unavailable,
               "cannot write " + path + ": " + std::strerror(errno) +
                   "; the cgroup must belong to the exec agent's user",
               path};
}

std::string read_from_start(int fd) {
  std::array<char, 256> bytes{};
  const ssize_t n = ::pread(fd, bytes.data(), bytes.size(), 0);
  return std::string(bytes.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
}

class Cgroup2Freezer final : public Freezer {
 public:
  explicit Cgroup2Freezer(std::string cgroup) : cgroup_(std::move(cgroup)) {}

  std::string_view name() const override { return "freeze.cgroup2"; }

  Result<bool> freeze(Moment deadline) override {
    auto frozen = set(true, deadline);
    if (!frozen || *frozen) return frozen;
    if (auto undone = set(false, deadline); !undone) return std::move(undone).error();
    return false;
  }

  // Tasks run from the write on; nothing to wait for.
  Status thaw(Moment) override { return write_file(cgroup_ + "/cgroup.freeze", "0"); }

 private:
  // False: not by the deadline.
  Result<bool> set(bool frozen, Moment deadline) {
    const Descriptor events(::open((cgroup_ + "/cgroup.events").c_str(), O_RDONLY | O_CLOEXEC));
    if (auto written = write_file(cgroup_ + "/cgroup.freeze", frozen ? "1" : "0"); !written) {
      return std::move(written).error();
    }
    const std::string wanted = frozen ? "frozen 1" : "frozen 0";
    while (true) {
      if (read_from_start(events.get()).find(wanted) != std::string::npos) return true;
      if (std::chrono::steady_clock::now() >= deadline) return false;
      // The kernel tells of a change at most every 10 ms, and a freeze takes a tenth of that.
      pollfd changed{events.get(), POLLPRI, 0};
      const timespec look{0, kLook_us * 1'000};
      ::ppoll(&changed, 1, &look, nullptr);
    }
  }

  const std::string cgroup_;
};

class Cgroup1Freezer final : public Freezer {
 public:
  explicit Cgroup1Freezer(std::string cgroup) : state_(cgroup + "/freezer.state") {}

  std::string_view name() const override { return "freeze.cgroup1"; }

  Result<bool> freeze(Moment deadline) override {
    const Descriptor state(::open(state_.c_str(), O_RDONLY | O_CLOEXEC));
    do {
      // Written again each time: v1 may miss a task that was forked meanwhile.
      if (auto written = write_file(state_, "FROZEN"); !written) return std::move(written).error();
      if (read_from_start(state.get()).starts_with("FROZEN")) return true;
      ::usleep(kLook_us);
    } while (std::chrono::steady_clock::now() < deadline);
    if (auto undone = thaw(deadline); !undone) return std::move(undone).error();
    return false;
  }

  Status thaw(Moment) override { return write_file(state_, "THAWED"); }

 private:
  const std::string state_;
};

class SignalFreezer final : public Freezer {
 public:
  explicit SignalFreezer(InnerLink& inner) : inner_(inner) {}

  std::string_view name() const override { return "freeze.signal"; }

  Result<bool> freeze(Moment deadline) override { return ask(InnerKind::stop_all, deadline); }

  Status thaw(Moment deadline) override {
    auto done = ask(InnerKind::continue_all, deadline);
    return done ? success() : Status(std::move(done).error());
  }

 private:
  Result<bool> ask(InnerKind kind, Moment deadline) {
    auto conversation = inner_.open(kind, {});
    if (!conversation) return std::move(conversation).error();
    const auto answer = next_answer(conversation->get(), deadline + kInnerAnswerWait);
    if (!answer) return inner_gone();
    return answer->message.value == 0;
  }

  InnerLink& inner_;
};

bool may_write(const std::string& path) {
  return ::access(path.c_str(), W_OK) == 0;
}

}  // namespace

std::unique_ptr<Freezer> choose_freezer(const std::string& cgroup, InnerLink& inner) {
  if (!cgroup.empty() && may_write(cgroup + "/cgroup.freeze")) {
    return std::make_unique<Cgroup2Freezer>(cgroup);
  }
  if (!cgroup.empty() && may_write(cgroup + "/freezer.state")) {
    return std::make_unique<Cgroup1Freezer>(cgroup);
  }
  return std::make_unique<SignalFreezer>(inner);
}

}  // namespace outboard::harness
