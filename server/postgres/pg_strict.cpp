#include "server/postgres/pg_strict.h"

#include <pthread.h>

#include <charconv>

#include "core/limits.h"
#include "core/log.h"

namespace outboard::server {
namespace {

constexpr std::string_view kBell = "strict ";

constexpr Sql kAnnounce{"strict_announce",
                        "INSERT INTO strict_servers (server, until) VALUES ($1::uuid, "
                        "clock_timestamp() + make_interval(secs => $2::bigint / 1000.0)) "
                        "ON CONFLICT (server) DO UPDATE SET until = excluded.until"};
constexpr Sql kForget{"strict_forget",
                      "DELETE FROM strict_servers "
                      "WHERE until < clock_timestamp() - interval '1 minute'"};
constexpr Sql kOthers{"strict_others",
                      "SELECT server FROM strict_servers "
                      "WHERE until > clock_timestamp() AND server <> $1::uuid"};
constexpr Sql kRing{"strict_ring", "SELECT pg_notify('outboard', $1::text)"};

Moment now() {
  return std::chrono::steady_clock::now();
}

// The next word of a bell.
std::string_view word(std::string_view& rest) {
  const std::size_t end = std::min(rest.find(' '), rest.size());
  const std::string_view found = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return found;
}

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

PgStrict::PgStrict(const std::string& url, MountAcks& acks)
    : self_(random_uuid()),
      acks_(acks),
      pool_(url, kStrictConnections, {"jit=off", "application_name=outboard-strict"}) {
  (void)announce(kStrictServerFor);  // when that failed, the thread tries again
  thread_ = std::thread([this] { run(); });
}

PgStrict::~PgStrict() {
  {
    Lock lock(mutex_);
    stopping_ = true;
  }
  acks_.poke();
  answered_.notify_all();
  thread_.join();
  // What its mounts were sure of lasts no longer.
  (void)announce(kStrictLease);
}

Status PgStrict::announce(std::chrono::milliseconds stays) {
  auto rows = pool_.run(kAnnounce, Params().uuid(self_).int8(std::int64_t{stays.count()}),
                        now() + kStrictServerEvery);
  Lock lock(mutex_);
  announced_ = announced_ || rows;
  return rows ? success() : Status(rows.error());
}

Status PgStrict::may_have_mounts() {
  Lock lock(mutex_);
  if (announced_) return success();
  return Error{Code::unavailable, "this server is not known to the others yet: try again"};
}

Result<PgStrict::Turn> PgStrict::enter(VolumeId volume, Waiting who) {
  if (!acks_.is_strict(volume)) return Turn(nullptr, who);
  const std::size_t most = who == Waiting::publish ? kStrictTurnsMax : kStrictReadersMax;
  Lock lock(mutex_);
  std::size_t& waiting = waiting_[who];
  if (waiting < most) {
    ++waiting;
    return Turn(this, who);
  }
  Error error{Code::unavailable,
              std::to_string(most) + (who == Waiting::publish ? " publishes on" : " readers of") +
                  " strict volumes are under way, as many as may wait for mounts: try again later",
              to_string(volume)};
  error.retry_after_ms = static_cast<std::uint32_t>(kRpcRetryAfter.count());
  return error;
}

void PgStrict::leave(Waiting who) {
  Lock lock(mutex_);
  --waiting_[who];
}

bool PgStrict::settle(VolumeId volume, Seq seq, Moment deadline) {
  if (!seq || !acks_.is_strict(volume)) return true;
  const Moment lapse = now() + kStrictLease;
  return ask(volume, seq, std::min(lapse, deadline)) || lapse <= deadline;
}

void PgStrict::settle_change(const Volume& volume) {
  if (ask(volume.id, volume.head, now() + kStrictLease)) return;
  log(Severity::warning,
      "not every mount of a volume that became strict has changed with it yet: publishes wait for "
      "those that have not",
      {{"volume", volume.name}});
}

Result<std::set<Uuid>> PgStrict::others(Moment deadline) {
  auto rows = pool_.run(kOthers, Params().uuid(self_), deadline);
  if (!rows) return rows.error();
  std::set<Uuid> servers;
  for (std::size_t row = 0; row < rows->size(); ++row) servers.insert(rows->uuid(row, 0));
  return servers;
}

// Who cannot be asked is waited for as one who does not answer.
bool PgStrict::ask(VolumeId volume, Seq seq, Moment until) {
  auto servers = others(until);
  if (servers && servers->empty()) return acks_.wait(volume, seq, until);
  std::uint64_t question = 0;
  {
    Lock lock(mutex_);
    question = ++last_question_;
    questions_[question].open = servers ? *servers : std::set<Uuid>{Uuid{}};
  }
  if (servers) {
    const std::string bell = std::string(kBell) + "ask " + to_string(self_) + " " +
                             std::to_string(question) + " " + to_string(volume) + " " +
                             to_string(seq);
    (void)pool_.run(kRing, Params().bytes(bell), until);
  }
  const bool own = acks_.wait(volume, seq, until);
  return await_all(question, until) && own;
}

bool PgStrict::await_all(std::uint64_t question, Moment until) {
  Lock lock(mutex_);
  while (!questions_[question].open.empty() && !stopping_) {
    if (!answered_.wait_until(mutex_, until)) break;
  }
  const bool all = questions_[question].open.empty();
  questions_.erase(question);
  return all;
}

bool PgStrict::heard(std::string_view payload) {
  if (!payload.starts_with(kBell)) return false;
  payload.remove_prefix(kBell.size());
  const std::string_view verb = word(payload);
  const auto writer = parse_uuid(word(payload));
  const std::uint64_t question = number(word(payload));
  if (!writer) return true;
  if (verb == "ok" && *writer == self_) {
    const auto server = parse_uuid(word(payload));
    Lock lock(mutex_);
    const auto found = questions_.find(question);
    if (server && found != questions_.end()) found->second.open.erase(*server);
    answered_.notify_all();
  }
  if (verb == "ask" && *writer != self_) {
    const VolumeId volume{number(word(payload))};
    const Seq seq{number(word(payload))};
    {
      Lock lock(mutex_);
      asked_.push_back({*writer, question, volume, seq, now() + kStrictLease});
    }
    acks_.poke();
  }
  return true;
}

void PgStrict::run() {
  pthread_setname_np(pthread_self(), "strict");
  Moment next = now() + kStrictServerEvery;
  std::uint64_t seen = 0;
  for (;;) {
    {
      Lock lock(mutex_);
      if (stopping_) return;
    }
    answer(now());
    if (now() >= next) {
      if (auto told = announce(kStrictServerFor); !told) {
        log(Severity::warning, "other servers were not told of this one",
            {{"why", told.error().message}});
      }
      (void)pool_.run(kForget, {}, now() + kReadDeadline);
      next = now() + kStrictServerEvery;
    }
    seen = acks_.wait_for_change(seen, next);
  }
}

// Tells those who asked what is so by now.
void PgStrict::answer(Moment at) {
  std::vector<Asked> settled;
  {
    Lock lock(mutex_);
    std::erase_if(asked_, [&](const Asked& asked) {
      const bool done = acks_.settled(asked.volume, asked.seq, at);
      if (done) settled.push_back(asked);
      return done || asked.until <= at;
    });
  }
  for (const Asked& asked : settled) {
    const std::string bell = std::string(kBell) + "ok " + to_string(asked.writer) + " " +
                             std::to_string(asked.question) + " " + to_string(self_);
    (void)pool_.run(kRing, Params().bytes(bell), asked.until);
  }
}

}  // namespace outboard::server
