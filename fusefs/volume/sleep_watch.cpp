#include "fusefs/volume/sleep_watch.h"

#include <pthread.h>

#include <ctime>
#include <limits>
#include <utility>

#include "core/check.h"
#include "core/limits.h"
#include "core/log.h"

namespace outboard::fusefs {
namespace {

std::int64_t nanoseconds(clockid_t clock) {
  timespec now{};
  CHECK(::clock_gettime(clock, &now) == 0);
  constexpr std::int64_t kNanos = 1'000'000'000;
  return now.tv_sec * kNanos + now.tv_nsec;
}

}  // namespace

// A machine that is restored from a snapshot shows it by the wall alone, once that is set right.
SleepWatch::Clocks SleepWatch::system_clocks() {
  return {nanoseconds(CLOCK_MONOTONIC), nanoseconds(CLOCK_BOOTTIME), nanoseconds(CLOCK_REALTIME)};
}

SleepWatch::SleepWatch(std::function<Clocks()> read) : read_(std::move(read)) {
  const Clocks now = read_();
  for (std::size_t i = 0; i < now.size(); ++i) seen_[i] = now[i];
  thread_ = std::thread([this] { run(); });
}

SleepWatch::~SleepWatch() {
  CHECK(!thread_.joinable());
}

void SleepWatch::add(const std::shared_ptr<MountedVolume>& volume) {
  Lock lock(mutex_);
  volumes_.push_back(volume);
}

void SleepWatch::stop() {
  {
    Lock lock(mutex_);
    stop_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  for (auto& seen : seen_) seen = std::numeric_limits<std::int64_t>::max();
}

bool SleepWatch::slept() const {
  constexpr std::int64_t kLongest = std::chrono::nanoseconds(kSleptAfter).count();
  const Clocks now = read_();
  for (std::size_t i = 0; i < now.size(); ++i) {
    if (now[i] - seen_[i] > kLongest) return true;
  }
  return false;
}

void SleepWatch::run() {
  pthread_setname_np(pthread_self(), "wake");
  for (;;) {
    Volumes volumes;
    {
      Lock lock(mutex_);
      const Moment next = std::chrono::steady_clock::now() + kSleepTick;
      while (!stop_ && changed_.wait_until(mutex_, next)) {
      }
      if (stop_) return;
      std::erase_if(volumes_, [](const auto& volume) { return volume.expired(); });
      for (const auto& volume : volumes_) volumes.push_back(volume.lock());
      std::erase(volumes, nullptr);
    }
    look(volumes);
  }
}

void SleepWatch::look(const Volumes& volumes) {
  note_sleep(volumes);
  for (const auto& volume : volumes) {
    if (!volume->doubtful()) continue;
    // In good time for the next look, or waiting for the server would be taken for a sleep.
    (void)volume->reach_head(std::chrono::steady_clock::now() + kSleptAfter / 2);
    note_sleep(volumes);
  }
}

// First the doubt, then what would hide the sleep from requests.
void SleepWatch::note_sleep(const Volumes& volumes) {
  if (slept()) {
    log(Severity::info, "this daemon has slept: it asks the server how things stand");
    for (const auto& volume : volumes) volume->doubt();
  }
  const Clocks now = read_();
  for (std::size_t i = 0; i < now.size(); ++i) seen_[i] = now[i];
}

}  // namespace outboard::fusefs
