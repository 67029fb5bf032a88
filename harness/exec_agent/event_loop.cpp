#include "harness/exec_agent/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "core/check.h"

namespace outboard::harness {
namespace {

constexpr int kEventsAtOnce = 64;
constexpr int kWaitMax_ms = 60'000;

}  // namespace

EventLoop::EventLoop(const Clock& clock)
    : clock_(clock),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  CHECK(epoll_ >= 0 && wake_ >= 0);
  add(wake_, [this] {
    std::uint64_t count = 0;
    if (::read(wake_, &count, sizeof count) < 0) CHECK(errno == EAGAIN);
  });
}

EventLoop::~EventLoop() {
  ::close(wake_);
  ::close(epoll_);
}

void EventLoop::add(int fd, Callback ready) {
  {
    Lock lock(mutex_);
    CHECK(ready_.emplace(fd, std::make_shared<const Callback>(std::move(ready))).second);
  }
  epoll_event event{};
  event.events = EPOLLIN | EPOLLRDHUP;
  event.data.fd = fd;
  CHECK(::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0);
}

void EventLoop::remove(int fd) {
  Ready dropped;  // destroyed without the lock: it may own much
  Lock lock(mutex_);
  const auto found = ready_.find(fd);
  if (found == ready_.end()) return;
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
  dropped = std::move(found->second);
  ready_.erase(found);
}

void EventLoop::at(Moment when, Callback due) {
  {
    Lock lock(mutex_);
    due_.emplace(when, std::move(due));
  }
  wake();
}

void EventLoop::wake() {
  const std::uint64_t one = 1;
  if (::write(wake_, &one, sizeof one) < 0) CHECK(errno == EAGAIN);
}

void EventLoop::stop() {
  {
    Lock lock(mutex_);
    stopping_ = true;
  }
  wake();
}

int EventLoop::wait_ms() {
  Lock lock(mutex_);
  if (due_.empty()) return kWaitMax_ms;
  const Moment first = due_.begin()->first;
  const Moment now = clock_.now();
  if (first <= now) return 0;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(first - now).count();
  return static_cast<int>(std::min<std::int64_t>(left, kWaitMax_ms));
}

void EventLoop::call_due() {
  const Moment now = clock_.now();
  while (true) {
    Callback due;
    {
      Lock lock(mutex_);
      if (due_.empty() || due_.begin()->first > now) return;
      due = std::move(due_.begin()->second);
      due_.erase(due_.begin());
    }
    due();
  }
}

void EventLoop::run() {
  std::array<epoll_event, kEventsAtOnce> events{};
  while (true) {
    {
      Lock lock(mutex_);
      if (stopping_) return;
    }
    const int count = ::epoll_wait(epoll_, events.data(), kEventsAtOnce, wait_ms());
    CHECK(count >= 0 || errno == EINTR);
    for (int i = 0; i < count; ++i) {
      Ready ready;
      {
        Lock lock(mutex_);
        const auto found = ready_.find(events[static_cast<std::size_t>(i)].data.fd);
        if (found != ready_.end()) ready = found->second;
      }
      if (ready) (*ready)();
    }
    call_due();
  }
}

}  // namespace outboard::harness
