#include "fusefs/kernel/request_watch.h"

#include <pthread.h>

#include <csignal>
#include <fstream>
#include <sstream>
#include <vector>

#include "fusefs/kernel/signals.h"

namespace outboard::fusefs {
namespace {

enum class Fate { lives, dies, exits };

// A thread that is being killed has SIGKILL pending, whatever signal kills it; one that is in its
// exit has PF_EXITING in the flags of /proc/PID/stat.
Fate fate_of(pid_t process) {
  constexpr std::uint64_t kExiting = 0x4;
  constexpr std::uint64_t kKillBit = 1ULL << (SIGKILL - 1);
  const std::string folder = "/proc/" + std::to_string(process);
  std::ifstream status(folder + "/status");
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with("SigPnd:")) continue;
    if ((std::stoull(line.substr(7), nullptr, 16) & kKillBit) != 0) return Fate::dies;
    break;
  }
  std::ifstream stat(folder + "/stat");
  std::string text;
  std::getline(stat, text);
  const auto behind_name = text.rfind(')');
  if (behind_name == std::string::npos) return Fate::lives;
  // state, parent, group, session, terminal and its group, flags
  std::istringstream words(text.substr(behind_name + 1));
  std::string word;
  for (int i = 0; i < 6; ++i) words >> word;
  std::uint64_t flags = 0;
  words >> flags;
  return (flags & kExiting) != 0 ? Fate::exits : Fate::lives;
}

Moment now() {
  return std::chrono::steady_clock::now();
}

}  // namespace

RequestWatch::RequestWatch(Config config) : config_(std::move(config)) {
  const BlockedSignals blocked;
  thread_ = std::thread([this] { run(); });
  waker_ = std::thread([this] { wake(); });
}

RequestWatch::~RequestWatch() {
  {
    const Lock lock(mutex_);
    stop_ = true;
    changed_.notify_all();
    given_up_.notify_all();
  }
  thread_.join();
  waker_.join();
}

RequestWatch::Ticket RequestWatch::begin(pid_t process, Signals signals) {
  auto request = std::make_shared<Request>();
  request->process = process;
  request->signals = signals;
  request->begun = now();
  request->watch = this;
  const Lock lock(mutex_);
  requests_.emplace(request.get(), request);
  if (parked_) changed_.notify_all();
  return request;
}

void RequestWatch::end(const Ticket& request) {
  const Lock lock(mutex_);
  requests_.erase(request.get());
  if (requests_.empty() && awaited_) changed_.notify_all();
}

bool RequestWatch::idle(Moment until) {
  const Lock lock(mutex_);
  awaited_ = true;
  bool late = false;
  while (!requests_.empty() && !late) late = !changed_.wait_until(mutex_, until);
  awaited_ = false;
  return requests_.empty();
}

std::size_t RequestWatch::unanswered() const {
  const Lock lock(mutex_);
  return requests_.size();
}

void RequestWatch::lay_aside(Request& request, std::string_view words) {
  const Lock lock(mutex_);
  request.laid_aside = words;
}

std::vector<std::string> RequestWatch::laid_aside() const {
  std::vector<std::string> found;
  const Lock lock(mutex_);
  for (const auto& [key, request] : requests_) {
    if (!request->laid_aside.empty()) found.push_back(request->laid_aside);
  }
  return found;
}

void RequestWatch::interrupted(Request& request) {
  {
    const Lock lock(mutex_);
    if (!request.interrupted) request.interrupted = now();
  }
  if (request.signals == Signals::any || fate_of(request.process) == Fate::dies) give_up(request);
}

void RequestWatch::give_up(const Request& request) {
  request.given_up->request();
  const Lock lock(mutex_);
  wake_due_ = true;
  given_up_.notify_all();
}

void RequestWatch::look_at(const Ticket& request, Moment at) {
  std::optional<Moment> interrupted;
  bool endless = false;
  {
    const Lock lock(mutex_);
    interrupted = request->interrupted;
    endless = !request->laid_aside.empty();
  }
  const auto age = at - request->begun;
  if (config_.stuck_after.count() > 0 && age > config_.stuck_after && !endless && !said_stuck_) {
    said_stuck_ = true;
    if (config_.on_stuck) {
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(age).count();
      config_.on_stuck("a request of process " + std::to_string(request->process) +
                       " is unanswered after " + std::to_string(seconds) + " s");
    }
  }
  if (request->signals == Signals::none || request->given_up->requested()) return;
  // Of a process that cannot be seen from here a signal may have been its last.
  const bool handled = interrupted && at - *interrupted >= kSignalPatience &&
                       (request->signals != Signals::deadly || request->process == 0);
  if (handled) return give_up(*request);
  if (request->process == 0) return;
  const Fate fate = fate_of(request->process);
  const bool patient = age >= kSignalPatience;
  if (fate == Fate::dies || (fate == Fate::exits && patient)) give_up(*request);
}

void RequestWatch::wake() {
  pthread_setname_np(pthread_self(), "fuse-wake");
  for (;;) {
    {
      const Lock lock(mutex_);
      while (!stop_ && !wake_due_) given_up_.wait(mutex_);
      if (stop_) return;
      wake_due_ = false;
    }
    if (config_.on_given_up) config_.on_given_up();
  }
}

void RequestWatch::run() {
  pthread_setname_np(pthread_self(), "fuse-watch");
  for (;;) {
    std::vector<Ticket> old;
    {
      const Lock lock(mutex_);
      parked_ = true;
      while (!stop_ && requests_.empty()) changed_.wait(mutex_);
      parked_ = false;
      const Moment look = now() + kWatchInterval;
      while (!stop_ && changed_.wait_until(mutex_, look)) {
      }
      if (stop_) return;
      for (const auto& [key, request] : requests_) {
        if (request->begun + kWatchInterval <= now()) old.push_back(request);
      }
    }
    for (const Ticket& request : old) look_at(request, now());
  }
}

}  // namespace outboard::fusefs
