#include "harness/loop/worker.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "core/log.h"
#include "harness/session/limits.h"

namespace outboard::harness {

// Only notes what it hears; run()'s thread acts. Outlives the worker in a journal's last call.
class Worker::Sink final : public WorkSink {
 public:
  explicit Sink(Worker& worker) : worker_(&worker) {}

  void on_runnable() override {
    tell([](Worker& worker) { worker.heard_runnable(); });
  }
  void on_lost(SessionId session) override {
    tell([&](Worker& worker) { worker.heard_of(session, true); });
  }
  void on_inbox(SessionId session) override {
    tell([&](Worker& worker) { worker.heard_of(session, false); });
  }
  void forget() {
    worker_.with([](Worker*& worker) { worker = nullptr; });
  }

 private:
  template <class F>
  void tell(F note) {
    worker_.with([&](Worker*& worker) {
      if (worker != nullptr) note(*worker);
    });
  }

  Guarded<Worker*> worker_;  // taken before the worker's own lock
};

struct Worker::Wishes {
  std::size_t claim = 0;
  std::vector<SessionId> notices;
  std::vector<std::shared_ptr<SessionRun>> leaving;
  bool drained = false;
};

Worker::Worker(WorkerConfig config, Journal& journal, const Clock& clock, OpenSession open)
    : config_(std::move(config)),
      journal_(journal),
      clock_(clock),
      open_(std::move(open)),
      sink_(std::make_shared<Sink>(*this)) {}

Worker::~Worker() {
  drain();
  sink_->forget();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void Worker::drain() {
  Lock lock(mutex_);
  draining_ = true;
  changed_.notify_all();
}

void Worker::heard_runnable() {
  Lock lock(mutex_);
  runnable_ = true;
  changed_.notify_all();
}

void Worker::heard_of(SessionId session, bool lost) {
  Lock lock(mutex_);
  (lost ? lost_ : notices_).push_back(session);
  changed_.notify_all();
}

std::shared_ptr<SessionRun> Worker::find(SessionId session) {
  Lock lock(mutex_);
  const auto found = held_.find(session);
  return found == held_.end() ? nullptr : found->second.run;
}

// ── run()'s thread ───────────────────────────────────────────────────────────────────────────────

bool Worker::connect() {
  if (stream_) return true;
  auto stream = journal_.work(config_.name, sink_, clock_.now() + kJournalDeadline);
  if (!stream) {
    log(Severity::warning, "no journal to work for", {{"message", stream.error().message}});
    return false;
  }
  stream_ = *std::move(stream);
  stream_->offer(static_cast<std::uint32_t>(config_.slots), false);
  return true;
}

void Worker::run() {
  for (std::size_t i = 0; i < config_.slots; ++i) {
    threads_.emplace_back([this, i] { slot(i); });
  }
  for (;;) {
    const bool connected = connect();
    const Wishes wishes = take();
    if (wishes.drained) break;
    for (const auto& run : wishes.leaving) run->leave();
    carry(wishes.notices);
    if (connected && wishes.claim > 0) claim(wishes.claim);
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  stream_.reset();
}

Moment Worker::next_wake(Moment at_the_latest) {
  Moment wake = at_the_latest;
  for (const auto& [id, held] : held_) {
    if (!held.ready) wake = std::min(wake, held.at);
  }
  return wake;
}

bool Worker::has_wishes() {
  if (!notices_.empty() || !lost_.empty()) return true;
  if (draining_) return !leave_told_ || held_.empty();
  return runnable_ && held_.size() < config_.slots;
}

// Waits until there is something to do, or time to look again, and says what.
Worker::Wishes Worker::take() {
  Wishes wishes;
  Lock lock(mutex_);
  const Moment look_again = clock_.now() + kClaimInterval;
  while (!has_wishes()) {
    const Moment wake = next_wake(look_again);  // sooner when a session was put off meanwhile
    if (clock_.now() >= wake) break;
    changed_.wait_until(mutex_, wake);
  }
  for (auto& [id, held] : held_) {
    if (held.ready || (clock_.now() < held.at && !draining_)) continue;
    held.ready = true;
    ready_.push_back(id);
  }
  wishes.notices.assign(notices_.begin(), notices_.end());
  notices_.clear();
  for (const SessionId& id : lost_) {
    if (const auto found = held_.find(id); found != held_.end()) {
      wishes.leaving.push_back(found->second.run);
    }
  }
  lost_.clear();
  if (draining_) {
    if (!std::exchange(leave_told_, true)) {
      for (const auto& [id, held] : held_) wishes.leaving.push_back(held.run);
    }
    over_ = wishes.drained = held_.empty();
  } else if (runnable_ || clock_.now() >= claimed_at_ + kClaimInterval) {
    wishes.claim = config_.slots - std::min(config_.slots, held_.size());
    runnable_ = runnable_ && wishes.claim == 0;
    if (wishes.claim > 0) claimed_at_ = clock_.now();
  }
  changed_.notify_all();
  return wishes;
}

void Worker::claim(std::size_t limit) {
  std::vector<SessionId> held;
  {
    Lock lock(mutex_);
    for (const auto& [id, session] : held_) held.push_back(id);
  }
  auto claimed = journal_.claim(config_.name, held, limit, clock_.now() + kJournalDeadline);
  if (!claimed) {
    log(Severity::warning, "nothing could be claimed", {{"message", claimed.error().message}});
    return;
  }
  for (const SessionInfo& info : *claimed) {
    auto run = open_(info);
    if (!run) {
      const std::int64_t now = clock_.wall().nanoseconds / 1'000'000;
      give_back(info, SessionPhase::waiting, now + kBrokenRetry.count(), run.error().message);
      continue;
    }
    Lock lock(mutex_);
    held_[info.id] = Held{info, *std::move(run), true, {}};
    ready_.push_back(info.id);
    changed_.notify_all();
  }
  Lock lock(mutex_);
  if (claimed->size() == limit) runnable_ = true;  // there may be more
}

void Worker::carry(const std::vector<SessionId>& notices) {
  for (const SessionId& id : notices) {
    if (const auto run = find(id)) run->notice();
  }
}

void Worker::give_back(const SessionInfo& info, SessionPhase phase, std::int64_t wake,
                       const std::string& why) {
  log(Severity::warning, "session given back", {{"session", to_string(info.id)}, {"why", why}});
  const auto released =
      journal_.release({info.id, info.epoch, phase, wake, ""}, clock_.now() + kJournalDeadline);
  if (!released && released.error().code != Code::fenced) {
    log(Severity::warning, "session not given back: its lease will end",
        {{"session", to_string(info.id)}, {"message", released.error().message}});
  }
}

// ── The sessions' threads ────────────────────────────────────────────────────────────────────────

void Worker::slot(std::size_t number) {
  pthread_setname_np(pthread_self(), ("session-" + std::to_string(number)).c_str());
  for (;;) {
    SessionId id;
    std::shared_ptr<SessionRun> run;
    {
      Lock lock(mutex_);
      while (ready_.empty() && !over_) changed_.wait(mutex_);
      if (ready_.empty()) return;
      id = ready_.front();
      ready_.pop_front();
      run = held_.at(id).run;
    }
    settle(id, run->run());
  }
}

void Worker::settle(SessionId session, const Rest& rest) {
  SessionInfo info;
  {
    Lock lock(mutex_);
    const auto found = held_.find(session);
    info = found->second.info;
    if (rest.kind == RestKind::later && !draining_) {
      found->second.ready = false;
      found->second.at = rest.at;
      changed_.notify_all();
      return;
    }
  }
  const std::int64_t now = clock_.wall().nanoseconds / 1'000'000;
  switch (rest.kind) {
    case RestKind::released: break;
    case RestKind::later:   // it could not even hand over: others may
    case RestKind::fenced:  // by its sandbox, perhaps, and not by the journal
      give_back(info, SessionPhase::runnable, 0, rest.why);
      break;
    case RestKind::broken:
      give_back(info, SessionPhase::waiting, now + kBrokenRetry.count(), rest.why);
      break;
  }
  Lock lock(mutex_);
  held_.erase(session);
  runnable_ = true;  // there is room again
  changed_.notify_all();
}

}  // namespace outboard::harness
