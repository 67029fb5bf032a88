#include "server/journal_bell.h"

#include <charconv>

#include "server/journal_limits.h"

namespace outboard::server {
namespace {

constexpr std::string_view kBeginning = "journal ";
// Of NOTIFY's 8,000.
constexpr std::size_t kPayloadBytesMax = 7'900;

std::string_view next_word(std::string_view& rest) {
  const std::size_t end = rest.find(' ');
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return word;
}

}  // namespace

std::string to_word(const Bell& bell) {
  std::string word(1, static_cast<char>(bell.kind));
  word += std::to_string(bell.number);
  if (bell.kind != Bell::Kind::runnable) word += ":" + to_string(bell.session);
  return word;
}

std::optional<Bell> parse_bell(std::string_view word) {
  if (word.empty()) return std::nullopt;
  Bell bell;
  bell.kind = static_cast<Bell::Kind>(word.front());
  const std::string_view rest = word.substr(1);
  const auto number = std::from_chars(rest.data(), rest.data() + rest.size(), bell.number);
  if (number.ec != std::errc{}) return std::nullopt;
  const std::string_view behind = rest.substr(static_cast<std::size_t>(number.ptr - rest.data()));
  switch (bell.kind) {
    case Bell::Kind::runnable: return behind.empty() ? std::optional(bell) : std::nullopt;
    case Bell::Kind::session:
    case Bell::Kind::inbox:
    case Bell::Kind::lost: {
      if (!behind.starts_with(':')) return std::nullopt;
      const auto session = parse_uuid(behind.substr(1));
      if (!session) return std::nullopt;
      bell.session = SessionId{*session};
      return bell;
    }
  }
  return std::nullopt;
}

class JournalBell::FollowHook final : public Hook {
 public:
  FollowHook(JournalBell& bell, SessionId session, const SessionSink* sink)
      : bell_(bell), session_(session), sink_(sink) {}
  ~FollowHook() override {
    std::shared_ptr<SessionSink> gone;  // destroyed outside the lock
    Lock lock(bell_.mutex_);
    auto [at, end] = bell_.followers_.equal_range(session_);
    while (at != end && at->second.get() != sink_) ++at;
    if (at == end) return;
    gone = std::move(at->second);
    bell_.followers_.erase(at);
  }
  FollowHook(const FollowHook&) = delete;
  FollowHook& operator=(const FollowHook&) = delete;

 private:
  JournalBell& bell_;
  const SessionId session_;
  const SessionSink* const sink_;
};

class JournalBell::WorkHook final : public Hook {
 public:
  WorkHook(JournalBell& bell, const ShiftSink* sink) : bell_(bell), sink_(sink) {}
  ~WorkHook() override {
    Worker gone;  // destroyed outside the lock
    Lock lock(bell_.mutex_);
    const auto at = bell_.workers_.find(sink_);
    gone = std::move(at->second);
    bell_.workers_.erase(at);
  }
  WorkHook(const WorkHook&) = delete;
  WorkHook& operator=(const WorkHook&) = delete;

 private:
  JournalBell& bell_;
  const ShiftSink* const sink_;
};

JournalBell::JournalBell() : name_(to_string(random_uuid())) {}

std::unique_ptr<Hook> JournalBell::follow(SessionId session, std::shared_ptr<SessionSink> sink) {
  auto hook = std::make_unique<FollowHook>(*this, session, sink.get());
  Lock lock(mutex_);
  followers_.emplace(session, std::move(sink));
  return hook;
}

std::unique_ptr<Hook> JournalBell::work(std::uint64_t worker, std::uint64_t organisation,
                                        std::shared_ptr<ShiftSink> sink) {
  const ShiftSink* const key = sink.get();
  {
    Lock lock(mutex_);
    workers_[key] = Worker{worker, organisation, std::move(sink)};
  }
  return std::make_unique<WorkHook>(*this, key);
}

void JournalBell::tell(const Bell& bell) {
  std::vector<std::shared_ptr<SessionSink>> followers;
  std::vector<std::shared_ptr<ShiftSink>> workers;
  {
    Lock lock(mutex_);
    if (bell.kind == Bell::Kind::session) {
      const auto [begin, end] = followers_.equal_range(bell.session);
      for (auto at = begin; at != end; ++at) followers.push_back(at->second);
    }
    for (const auto& [key, worker] : workers_) {
      const bool meant = bell.kind == Bell::Kind::runnable
                             ? worker.organisation == 0 || worker.organisation == bell.number
                             : worker.number == bell.number;
      if (meant && bell.kind != Bell::Kind::session) workers.push_back(worker.sink);
    }
  }
  for (const auto& follower : followers) follower->changed();
  for (const auto& worker : workers) {
    switch (bell.kind) {
      case Bell::Kind::runnable: worker->runnable(); break;
      case Bell::Kind::inbox: worker->inbox(bell.session); break;
      case Bell::Kind::lost: worker->lost(bell.session); break;
      case Bell::Kind::session: break;
    }
  }
}

void JournalBell::ring(const Bell& bell) {
  tell(bell);
  Lock lock(mutex_);
  if (queue_.size() < kBellQueueMax) queue_.insert(bell);
  queued_.notify_one();
}

void JournalBell::heard(std::string_view payload) {
  if (!payload.starts_with(kBeginning)) return;
  payload.remove_prefix(kBeginning.size());
  if (next_word(payload) == name_) return;  // our own
  while (!payload.empty()) {
    if (const auto bell = parse_bell(next_word(payload))) tell(*bell);
  }
}

void JournalBell::doubt() {
  std::vector<std::shared_ptr<SessionSink>> followers;
  std::vector<std::shared_ptr<ShiftSink>> workers;
  {
    Lock lock(mutex_);
    for (const auto& [session, sink] : followers_) followers.push_back(sink);
    for (const auto& [key, worker] : workers_) workers.push_back(worker.sink);
  }
  for (const auto& follower : followers) follower->changed();
  for (const auto& worker : workers) worker->runnable();
}

std::string JournalBell::next_payload() {
  Lock lock(mutex_);
  while (queue_.empty() && !closed_) queued_.wait(mutex_);
  const Moment until = Moment::clock::now() + kBellGather;  // more may come meanwhile
  while (!closed_ && Moment::clock::now() < until) queued_.wait_until(mutex_, until);
  if (closed_) return {};
  std::string payload = std::string(kBeginning) + name_;
  while (!queue_.empty() && payload.size() < kPayloadBytesMax - 64) {
    payload += " " + to_word(*queue_.begin());
    queue_.erase(queue_.begin());
  }
  return payload;
}

void JournalBell::close() {
  Lock lock(mutex_);
  closed_ = true;
  queued_.notify_all();
}

}  // namespace outboard::server
