// PgJournal's workers: who carries which session on, and what becomes of those who vanish.
#include <pthread.h>

#include <algorithm>

#include "core/limits.h"
#include "core/log.h"
#include "server/journal_limits.h"
#include "server/postgres/journal_rows.h"
#include "server/postgres/pg_journal.h"

namespace outboard::server {
namespace {

constexpr Sql kWorker{"journal_worker",
                      "SELECT id FROM workers WHERE organisation = $1::bigint AND name = $2::text"};
constexpr Sql kNewWorker{"journal_new_worker",
                         "INSERT INTO workers (organisation, name) VALUES ($1::bigint, $2::text) "
                         "ON CONFLICT (organisation, name) DO UPDATE SET seen = clock_timestamp() "
                         "RETURNING id"};
// $2: the worker; $3: what it holds. A session that runs elsewhere is free when both its own lease
// and its worker's heartbeat have ended.
#define OUTBOARD_SESSION_CLAIMABLE                                                     \
  "($1::bigint = 0 OR s.organisation = $1::bigint) AND (s.state = 1 "                  \
  "OR (s.state = 2 AND s.worker = $2::bigint AND s.id <> ALL($3::uuid[])) "            \
  "OR (s.state = 2 AND s.worker <> $2::bigint AND s.lease_until <= clock_timestamp() " \
  "AND NOT EXISTS (SELECT 1 FROM workers w WHERE w.id = s.worker "                     \
  "AND w.alive_until > clock_timestamp())) "                                           \
  "OR (s.state = 3 AND s.wake_at <= clock_timestamp()))"
// Organisations take turns: a session's turn counts those of its organisation that run already and
// those that wait longer. What others have locked is passed over; what they changed meanwhile is
// looked at again under the lock.
constexpr Sql kClaim{
    "journal_claim",
    "WITH busy AS (SELECT organisation, count(*) AS running FROM sessions WHERE state = 2 "
    "AND $1::bigint = 0 GROUP BY organisation), "
    "candidates AS (SELECT s.id, coalesce(b.running, 0) + row_number() OVER (PARTITION BY "
    "s.organisation ORDER BY s.queued_at NULLS FIRST, s.id) AS turn, s.queued_at "
    "FROM sessions s LEFT JOIN busy b ON b.organisation = s.organisation "
    "WHERE " OUTBOARD_SESSION_CLAIMABLE
    " ORDER BY 2, 3 NULLS FIRST LIMIT $6::bigint), "
    "picked AS MATERIALIZED (SELECT s.id, s.state, s.worker FROM sessions s "
    "JOIN candidates c ON c.id = s.id WHERE " OUTBOARD_SESSION_CLAIMABLE
    " ORDER BY c.turn, c.queued_at NULLS FIRST LIMIT $4::bigint FOR UPDATE OF s SKIP LOCKED) "
    "UPDATE sessions s SET epoch = s.epoch + 1, state = 2, worker = $2::bigint, wake_at = NULL, "
    "queued_at = NULL, lease_until = clock_timestamp() + $5::bigint * interval '1 millisecond', "
    "crash_count = s.crash_count + CASE WHEN p.state = 2 AND p.worker <> $2::bigint THEN 1 "
    "ELSE 0 END FROM picked p WHERE s.id = p.id RETURNING " OUTBOARD_SESSION_COLUMNS
    ", CASE WHEN p.state = 2 AND p.worker <> $2::bigint THEN p.worker ELSE 0 END"};
constexpr Sql kRelease{
    "journal_release",
    "UPDATE sessions s SET state = CASE WHEN $4::bigint = 3 AND s.inbox_waiting > 0 THEN 1 "
    "ELSE $4::bigint END, worker = NULL, lease_until = NULL, queued_at = clock_timestamp(), "
    "wake_at = CASE WHEN $4::bigint = 3 AND s.inbox_waiting = 0 AND $5::bigint <> 0 THEN "
    "'epoch'::timestamptz + $5::bigint * interval '1 millisecond' END, diagnosis = $6::text "
    "WHERE s.id = $2::uuid AND ($1::bigint = 0 OR s.organisation = $1::bigint) "
    "AND s.epoch = $3::bigint AND s.state = 2 RETURNING s.organisation, s.state = 1"};
// The newest stream of a name counts. Rows of processes long gone go with it.
constexpr Sql kBegin{
    "journal_begin_shift",
    "WITH old AS (DELETE FROM workers w WHERE w.alive_until < clock_timestamp() - interval '1 day' "
    "AND w.id <> $1::bigint AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.worker = w.id "
    "AND s.state = 2)) UPDATE workers SET stream = $2::uuid, seen = clock_timestamp(), "
    "alive_until = clock_timestamp() + $3::bigint * interval '1 millisecond' "
    "WHERE id = $1::bigint RETURNING id"};
constexpr Sql kRenew{
    "journal_renew",
    "UPDATE workers w SET seen = clock_timestamp(), "
    "alive_until = clock_timestamp() + $2::bigint * interval '1 millisecond' "
    "FROM unnest($1::uuid[]) AS a(stream) WHERE w.stream = a.stream RETURNING w.stream"};
constexpr Sql kFree{"journal_free",
                    "WITH w AS (UPDATE workers SET stream = NULL, alive_until = clock_timestamp() "
                    "WHERE id = $1::bigint AND stream = $2::uuid RETURNING id) "
                    "UPDATE sessions s SET state = 1, worker = NULL, lease_until = NULL, "
                    "queued_at = clock_timestamp(), crash_count = s.crash_count + 1 FROM w "
                    "WHERE s.worker = w.id AND s.state = 2 RETURNING s.id, s.organisation"};
constexpr Sql kForgetArrivals{"journal_forget_arrivals",
                              "DELETE FROM blobs WHERE digest IS NULL "
                              "AND created < clock_timestamp() - $1::bigint * interval '1 second'"};
constexpr Sql kTell{"journal_tell", "SELECT pg_notify('outboard', $1::text)"};

Moment soon() {
  return Moment::clock::now() + kReadDeadline;
}

Status check_worker(std::string_view worker) {
  if (!worker.empty() && worker.size() <= kJournalNameBytesMax) return success();
  return Error{Code::invalid, "a worker's name of " + std::to_string(worker.size()) +
                                  " bytes: each process needs one of its own, of 1 to " +
                                  std::to_string(kJournalNameBytesMax) + " bytes"};
}

}  // namespace

// A worker's stream, as long as it is open.
class PgJournal::Shift final : public Hook {
 public:
  Shift(PgJournal& journal, const Uuid& stream, std::unique_ptr<Hook> hook)
      : journal_(journal), stream_(stream), hook_(std::move(hook)) {}
  ~Shift() override { journal_.end_shift(stream_); }
  Shift(const Shift&) = delete;
  Shift& operator=(const Shift&) = delete;

 private:
  PgJournal& journal_;
  const Uuid stream_;
  const std::unique_ptr<Hook> hook_;
};

PgJournal::PgJournal(ConnectionPool& pool)
    : pool_(pool), keeper_([this] { keep_leases(); }), teller_([this] { tell_others(); }) {
  pthread_setname_np(keeper_.native_handle(), "journal-leases");
  pthread_setname_np(teller_.native_handle(), "journal-bell");
}

PgJournal::~PgJournal() {
  {
    Lock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  bell_.close();
  keeper_.join();
  teller_.join();
}

Result<std::uint64_t> PgJournal::worker_number(const Call& call, std::string_view worker) {
  const Params name = Params().int8(call.caller.organisation).bytes(worker);
  auto rows = pool_.run(kWorker, name, call.deadline);
  if (rows && rows->empty()) rows = pool_.run(kNewWorker, name, call.deadline);
  if (!rows) return rows.error();
  return rows->count(0, 0);
}

Result<std::vector<Session>> PgJournal::claim(const Call& call, std::string_view worker,
                                              std::uint32_t limit,
                                              const std::vector<SessionId>& held) {
  if (auto good = may_work(call.caller); !good) return good.error();
  if (auto good = check_worker(worker); !good) return good.error();
  if (held.size() > kHeldMax) {
    return Error{Code::invalid, "a worker that holds " + std::to_string(held.size()) +
                                    " sessions; at most " + std::to_string(kHeldMax)};
  }
  auto number = worker_number(call, worker);
  if (!number) return number.error();
  Column ids(Column::Type::uuid);
  for (const SessionId& id : held) {
    if (id) ids.add_uuid(id.uuid);
  }
  auto rows = pool_.run(kClaim,
                        Params()
                            .int8(call.caller.organisation)
                            .int8(*number)
                            .array(ids)
                            .int8(std::int64_t{std::min(limit, kClaimMax)})
                            .int8(std::int64_t{kWorkerLease.count()})
                            .int8(kClaimCandidatesMax),
                        call.deadline);
  if (!rows) return rows.error();
  std::vector<Session> claimed;
  for (std::size_t row = 0; row < rows->size(); ++row) {
    claimed.push_back(read_session(*rows, row));
    const std::uint64_t before = rows->count(row, kSessionColumns);
    if (before != 0) bell_.ring({Bell::Kind::lost, before, claimed.back().id});
    bell_.ring({Bell::Kind::session, 0, claimed.back().id});
  }
  return claimed;
}

Status PgJournal::release(const Call& call, const ReleaseRequest& request) {
  if (auto good = may_work(call.caller); !good) return good;
  if (request.state == SessionState::running) {
    return Error{Code::invalid, "a session is not released as running; say how it rests"};
  }
  if (request.diagnosis.size() > kDiagnosisBytesMax) {
    return Error{Code::too_big, "a diagnosis of " + std::to_string(request.diagnosis.size()) +
                                    " bytes; at most " + std::to_string(kDiagnosisBytesMax)};
  }
  auto rows = pool_.run(kRelease,
                        Params()
                            .int8(call.caller.organisation)
                            .uuid(request.session.uuid)
                            .int8(request.epoch.value)
                            .int8(static_cast<std::int64_t>(request.state))
                            .int8(request.wake_unix_ms)
                            .bytes(request.diagnosis),
                        call.deadline);
  if (!rows) return rows.error();
  if (rows->empty()) return refusal(call, request.session, request.epoch, std::nullopt);
  ring_session(rows->count(0, 0), request.session, rows->flag(0, 1));
  return success();
}

Result<std::unique_ptr<Hook>> PgJournal::work(const Call& call, std::string_view worker,
                                              std::shared_ptr<ShiftSink> sink) {
  if (auto good = may_work(call.caller); !good) return good.error();
  if (auto good = check_worker(worker); !good) return good.error();
  auto number = worker_number(call, worker);
  if (!number) return number.error();
  const Uuid stream = random_uuid();
  auto hook = bell_.work(*number, call.caller.organisation, sink);
  auto rows = pool_.run(
      kBegin, Params().int8(*number).uuid(stream).int8(std::int64_t{kWorkerLease.count()}),
      call.deadline);
  if (!rows) return rows.error();
  if (rows->empty()) return Error{Code::unavailable, "the worker's row has just gone; try again"};
  {
    Lock lock(mutex_);
    shifts_[stream] = Live{*number, std::move(sink)};
  }
  return std::unique_ptr<Hook>(std::make_unique<Shift>(*this, stream, std::move(hook)));
}

void PgJournal::end_shift(const Uuid& stream) {
  std::shared_ptr<ShiftSink> sink;  // destroyed outside the lock
  Lock lock(mutex_);
  Live& live = shifts_.at(stream);
  live.free_at = Moment::clock::now() + kWorkerGrace;
  sink = std::exchange(live.sink, nullptr);
  changed_.notify_all();
}

// ── journal-leases ───────────────────────────────────────────────────────────────────────────────

void PgJournal::keep_leases() {
  Moment renew_at = Moment::clock::now();
  Moment forget_at = renew_at;
  for (;;) {
    std::map<Uuid, std::uint64_t> broken;
    {
      Lock lock(mutex_);
      for (;;) {
        const Moment now = Moment::clock::now();
        if (stopping_) return;
        Moment next = renew_at;
        for (const auto& [stream, live] : shifts_) {
          if (live.free_at <= now) broken.emplace(stream, live.worker);
          next = std::min(next, live.free_at);
        }
        if (next <= now) break;
        changed_.wait_until(mutex_, next);
      }
    }
    for (const auto& [stream, worker] : broken) {
      const bool done = free_sessions(stream, worker);
      Lock lock(mutex_);
      if (done) {
        shifts_.erase(stream);
      } else {
        shifts_.at(stream).free_at = Moment::clock::now() + kWorkerGrace;
      }
    }
    const Moment now = Moment::clock::now();
    if (now >= renew_at) renew_at = now + (renew() ? kLeaseRenewal : kWorkerGrace);
    if (now < forget_at) continue;
    forget_at = now + kBlobArrivingMax;
    const auto forgotten =
        pool_.run(kForgetArrivals, Params().int8(std::int64_t{kBlobArrivingMax.count()}), soon());
    if (!forgotten)
      log(Severity::warning, "blobs left behind could not be forgotten",
          {{"why", forgotten.error().message}});
  }
}

bool PgJournal::renew() {
  Column streams(Column::Type::uuid);
  std::map<Uuid, std::shared_ptr<ShiftSink>> asked;
  {
    Lock lock(mutex_);
    for (const auto& [stream, live] : shifts_) {
      if (live.sink) asked.emplace(stream, live.sink);
    }
  }
  if (asked.empty()) return true;
  for (const auto& [stream, sink] : asked) streams.add_uuid(stream);
  auto rows =
      pool_.run(kRenew, Params().array(streams).int8(std::int64_t{kWorkerLease.count()}), soon());
  if (!rows) {
    log(Severity::warning, "workers' leases were not renewed", {{"why", rows.error().message}});
    return false;
  }
  for (std::size_t row = 0; row < rows->size(); ++row) asked.erase(rows->uuid(row, 0));
  for (const auto& [stream, sink] : asked) sink->replaced();
  return true;
}

bool PgJournal::free_sessions(const Uuid& stream, std::uint64_t worker) {
  auto rows = pool_.run(kFree, Params().int8(worker).uuid(stream), soon());
  if (!rows) {
    log(Severity::warning, "a vanished worker's sessions could not be freed",
        {{"why", rows.error().message}});
    return false;
  }
  for (std::size_t row = 0; row < rows->size(); ++row) {
    const SessionId session{rows->uuid(row, 0)};
    bell_.ring({Bell::Kind::lost, worker, session});  // it may be back by now
    ring_session(rows->count(row, 1), session, true);
  }
  return true;
}

// ── journal-bell ─────────────────────────────────────────────────────────────────────────────────

void PgJournal::tell_others() {
  for (;;) {
    const std::string payload = bell_.next_payload();
    if (payload.empty()) return;
    if (auto told = pool_.run(kTell, Params().bytes(payload), soon()); !told) {
      log(Severity::warning, "other servers were not told", {{"why", told.error().message}});
    }
  }
}

}  // namespace outboard::server
