#include "server/postgres/pg_commit.h"

#include <algorithm>
#include <map>

#include "core/commit.h"
#include "core/limits.h"
#include "server/postgres/group_rows.h"
#include "server/postgres/node_rows.h"
#include "server/postgres/pg_chunks.h"
#include "server/postgres/rows_sql.h"
#include "server/postgres/sqlstate.h"
#include "server/postgres/volume_rows.h"

namespace outboard::server {
namespace {

constexpr int kTriesMax = 4;
constexpr std::size_t kForgottenMax = 65'536;
// Answers that a client has acknowledged are refused at once, and deleted this many at a time.
constexpr std::uint64_t kForgetAtOnce = 16;

// All of a commit's statements look rows up by their keys. Left to choose, Postgres reads a table
// that was small when it last looked from end to end, at each commit, however large it has become.
const std::vector<std::string> kSettings{"plan_cache_mode=force_generic_plan",
                                         "jit=off",
                                         "enable_seqscan=off",
                                         "enable_hashjoin=off",
                                         "enable_mergejoin=off",
                                         "application_name=outboard-committer"};

constexpr Sql kBegin{"commit_begin", "BEGIN"};
constexpr Sql kCommit{"commit_commit", "COMMIT"};
// NO KEY UPDATE: does not wait for rows that only refer to the volume. Once it is locked, and no
// sooner: the time, and how long to wait for other rows.
constexpr Sql kLockVolume{"commit_lock_volume",
                          "SELECT held.*, "
                          "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000, "
                          "set_config('lock_timeout', $2::bigint::text, true) "
                          "FROM (SELECT " OUTBOARD_VOLUME_COLUMNS
                          " FROM volumes v JOIN organisations o ON o.id = v.organisation "
                          "WHERE v.id = $1::bigint FOR NO KEY UPDATE OF v) AS held"};
// Their epochs stay as they are until COMMIT: whoever takes a session over waits for it, and no
// write of the old owner's comes after. [S8]
constexpr Sql kHoldSessions{"commit_hold_sessions",
                            "SELECT s.id FROM sessions s JOIN tokens t ON t.session = s.id "
                            "WHERE t.id = ANY($1::bigint[]) ORDER BY s.id FOR SHARE OF s"};
// What a session is at, by its own journal: its turn, and its call if one alone is under way. A
// command's writes come through a mount whose token is older than the call. [D7]
constexpr Sql kUnderWay{
    "commit_under_way",
    "SELECT t.id, s.turn, c.op FROM tokens t JOIN sessions s ON s.id = t.session "
    "LEFT JOIN LATERAL (SELECT (array_agg(k.op))[1] AS op FROM tool_calls k "
    "WHERE k.session = s.id AND k.state = 4 HAVING count(*) = 1) c ON true "
    "WHERE t.id = ANY($1::bigint[]) AND t.turn = 0 AND t.op IS NULL"};
// 1 unknown or revoked, 2 expired, 3 fenced; good ones do not appear. A token without an epoch is
// its session's, whoever works it: a sandbox outlives the worker that made it.
constexpr Sql kTokens{
    "commit_tokens",
    "SELECT asked.id, CASE WHEN t.id IS NULL OR t.revoked IS NOT NULL THEN 1 "
    "WHEN t.expires <= clock_timestamp() THEN 2 ELSE 3 END FROM unnest($1::bigint[]) AS asked(id) "
    "LEFT JOIN tokens t ON t.id = asked.id LEFT JOIN sessions s ON s.id = t.session "
    "WHERE t.id IS NULL OR t.revoked IS NOT NULL OR t.expires <= clock_timestamp() "
    "OR (t.epoch > 0 AND s.epoch > t.epoch) "
    "OR (t.generation > 0 AND s.generation > t.generation)"};
constexpr Sql kKept{"commit_kept",
                    "SELECT r.client, r.number, r.principal, r.volume, r.first_seq, r.last_seq, "
                    "r.outcomes FROM unnest($1::uuid[], $2::bigint[]) AS asked(client, number) "
                    "JOIN requests r ON r.client = asked.client AND r.number = asked.number"};
#define OUTBOARD_REQUEST_PARAMS(array)                                          \
  "$1::uuid" array ", $2::bigint" array ", $3::text" array ", $4::bigint" array \
  ", $5::bigint" array ", $6::bigint" array ", $7::bytea" array
constexpr RowsSql kKeep OUTBOARD_ROWS_SQL(
    "commit_keep",
    "INSERT INTO requests (client, number, principal, volume, first_seq, last_seq, outcomes) "
    "SELECT t.* FROM ",
    OUTBOARD_REQUEST_PARAMS, " AS t");
constexpr Sql kClients{"commit_clients",
                       "SELECT client, forgotten FROM clients WHERE client = ANY($1::uuid[])"};
constexpr Sql kRemember{"commit_remember",
                        "INSERT INTO clients (client, forgotten) SELECT t.* FROM "
                        "unnest($1::uuid[], $2::bigint[]) AS t ON CONFLICT (client) DO UPDATE "
                        "SET forgotten = greatest(clients.forgotten, excluded.forgotten)"};
constexpr Sql kForget{"commit_forget",
                      "DELETE FROM requests r USING unnest($1::uuid[], $2::bigint[]) "
                      "AS t(client, number) WHERE r.client = t.client AND r.number <= t.number"};

Error bad_token(std::int64_t why) {
  if (why == 3) {
    return Error{Code::fenced, "a newer worker or sandbox has taken this session over: stop here"};
  }
  return Error{Code::unauthenticated, why == 2 ? "the token has expired: get a new one"
                                               : "the token is unknown or revoked: get a new one"};
}

}  // namespace

// What one attempt works on.
struct PgCommit::Attempt {
  Attempt(VolumeId id, Connection& connection, InodeNumbers& numbers, Moment until)
      : volume(id), deadline(until), source(connection, numbers, id, until) {}

  const VolumeId volume;
  const Moment deadline;
  PgTreeSource source;
  std::vector<PendingWrite*> writes;                    // those without an answer
  std::vector<std::optional<Result<Applied>>> answers;  // theirs, once COMMIT has succeeded
  std::optional<WorkingSet> set;

  bool has_sessions() const {
    return std::any_of(writes.begin(), writes.end(),
                       [](const PendingWrite* write) { return bool(write->call.caller.session); });
  }
  bool has_client(std::size_t i) const { return bool(writes[i]->batch.request.client); }
  Params asked() const {
    Column clients(Column::Type::uuid);
    Column numbers(Column::Type::int8);
    for (const PendingWrite* write : writes) {
      if (!write->batch.request.client) continue;
      clients.add_uuid(write->batch.request.client.uuid);
      numbers.add(write->batch.request.number);
    }
    return Params().array(clients).array(numbers);
  }
  Params clients() const {
    std::set<ClientId> ids;
    for (const PendingWrite* write : writes) {
      if (write->batch.request.client) ids.insert(write->batch.request.client);
    }
    Column column(Column::Type::uuid);
    for (const ClientId& id : ids) column.add_uuid(id.uuid);
    return Params().array(column);
  }
  enum class Of { all, sessions };
  Params tokens(Of of) const {
    std::set<std::uint64_t> ids;
    for (const PendingWrite* write : writes) {
      const Caller& caller = write->call.caller;
      if (caller.token != 0 && (caller.session || of == Of::all)) ids.insert(caller.token);
    }
    Column column(Column::Type::int8);
    for (const std::uint64_t id : ids) column.add(id);
    return Params().array(column);
  }
};

GroupEnd PgCommit::commit(VolumeId volume, const std::vector<PendingWrite*>& group,
                          std::chrono::milliseconds lock_wait) {
  const auto answer_all = [&](const Error& error, bool only_without_id) {
    for (PendingWrite* write : group) {
      if (!write->answer && !(only_without_id && write->batch.request.client))
        write->answer = error;
    }
  };
  for (int tries = 1;; ++tries) {
    const Try end = attempt(volume, group, lock_wait);
    const bool again = tries < kTriesMax;
    switch (end) {
      case Try::done: return GroupEnd::answered;
      case Try::blocked: return GroupEnd::blocked;
      case Try::in_doubt:
        answer_all(Error{Code::unavailable,
                         "the database went away while the write was being committed: it may or "
                         "may not have happened (" +
                             error_.message + ")"},
                   again);
        if (again) continue;
        return GroupEnd::answered;
      case Try::lost:
      case Try::race:
        if (again) continue;
        answer_all(error_, false);
        return GroupEnd::answered;
      case Try::failed:
        if (group.size() > 1) return GroupEnd::spoiled;
        answer_all(error_, false);
        return GroupEnd::answered;
    }
  }
}

Status PgCommit::ensure_connection(Moment deadline) {
  const std::uint64_t losses = losses_->load();
  if (connection_ && !connection_->broken() && losses == losses_known_) return success();
  connection_.reset();
  losses_known_ = losses;
  auto opened = Connection::open(url_, deadline, kSettings);
  if (!opened) return opened.error();
  connection_ = *std::move(opened);
  return success();
}

PgCommit::Try PgCommit::attempt(VolumeId volume, const std::vector<PendingWrite*>& group,
                                std::chrono::milliseconds lock_wait) {
  const Moment deadline = std::chrono::steady_clock::now() + kWriteDeadline;
  if (auto open = ensure_connection(deadline); !open) {
    error_ = open.error();
    for (PendingWrite* write : group) {
      if (!write->answer) write->answer = error_;
    }
    return Try::done;
  }
  Attempt attempt(volume, *connection_, numbers_, deadline);
  for (PendingWrite* write : group) {
    if (!write->answer) attempt.writes.push_back(write);
  }
  if (attempt.writes.empty()) return Try::done;
  attempt.answers.resize(attempt.writes.size());
  if (const Try begun = begin(attempt, lock_wait); begun != Try::done) return begun;
  apply(attempt);
  if (connection_->broken() || connection_->transaction_failed()) {
    return failed(Error{Code::unavailable, "the database failed while a write was being prepared"},
                  false);
  }
  if (const Try written = write(attempt); written != Try::done) return written;
  if (attempt.set && !attempt.set->empty()) {
    feed_.published(volume, attempt.set->changes());
    doorbell_.ring(volume, attempt.set->volume().head);
  }
  for (std::size_t i = 0; i < attempt.writes.size(); ++i) {
    attempt.writes[i]->answer = std::move(attempt.answers[i]);
  }
  return Try::done;
}

// The first round trip: everything that must be known.
PgCommit::Try PgCommit::begin(Attempt& attempt, std::chrono::milliseconds lock_wait) {
  GroupNames names;
  for (const PendingWrite* write : attempt.writes) names.add(write->batch);
  std::vector<Request> requests;
  const auto ask = [&](const Sql& sql, Params params) {
    requests.push_back({sql, std::move(params)});
    return requests.size() - 1;
  };
  ask(kBegin, {});
  const std::size_t locked =
      ask(kLockVolume, Params().int8(attempt.volume.value).int8(std::int64_t{lock_wait.count()}));
  const bool sessions = attempt.has_sessions();
  if (sessions) ask(kHoldSessions, attempt.tokens(Attempt::Of::sessions));
  const std::size_t tokens = ask(kTokens, attempt.tokens(Attempt::Of::all));
  const std::size_t under_way =
      sessions ? ask(kUnderWay, attempt.tokens(Attempt::Of::sessions)) : 0;
  const std::size_t kept = ask(kKept, attempt.asked());
  const std::size_t clients = ask(kClients, attempt.clients());
  const std::size_t first = requests.size();
  for (Request& request : attempt.source.prefetch(names)) requests.push_back(std::move(request));
  auto rows = connection_->run(requests, attempt.deadline);
  if (!rows) return failed(rows.error(), false);
  const Rows& volume = (*rows)[locked];
  if (volume.empty()) {
    for (auto& answer : attempt.answers) {
      answer = Error{Code::not_found, "there is no volume " + to_string(attempt.volume)};
    }
    return Try::done;
  }
  attempt.source.take(names, *rows, first);
  attempt.set.emplace(attempt.source, read_volume(volume, 0),
                      Timestamp{volume.number(0, kVolumeColumns)});
  feed_.acks().set_strict(attempt.volume, attempt.set->volume().strict);
  if (auto good = check_tokens(attempt, (*rows)[tokens]); !good) return failed(good.error(), false);
  if (sessions) name_calls(attempt, (*rows)[under_way]);
  refuse_forgotten(attempt, (*rows)[clients]);
  if (auto good = answer_repeats(attempt, (*rows)[kept]); !good) return failed(good.error(), false);
  return Try::done;
}

// A number that its client has acknowledged, or that is over kRequestWindow behind.
void PgCommit::refuse_forgotten(Attempt& attempt, const Rows& clients) {
  std::map<ClientId, std::uint64_t> forgotten;
  for (std::size_t row = 0; row < clients.size(); ++row) {
    forgotten[ClientId{clients.uuid(row, 0)}] = clients.count(row, 1);
  }
  for (std::size_t i = 0; i < attempt.writes.size(); ++i) {
    const RequestId& id = attempt.writes[i]->batch.request;
    const auto found = forgotten.find(id.client);
    if (attempt.answers[i] || found == forgotten.end() || id.number > found->second) continue;
    attempt.answers[i] = Error{
        Code::invalid, "request " + std::to_string(id.number) + " was acknowledged, or is over " +
                           std::to_string(kRequestWindow) + " behind: use a new number"};
  }
}

Status PgCommit::check_tokens(Attempt& attempt, const Rows& tokens) {
  std::map<std::uint64_t, std::int64_t> bad;
  for (std::size_t row = 0; row < tokens.size(); ++row) {
    bad[tokens.count(row, 0)] = tokens.number(row, 1);
  }
  for (std::size_t i = 0; i < attempt.writes.size() && !bad.empty(); ++i) {
    const auto found = bad.find(attempt.writes[i]->call.caller.token);
    if (found != bad.end()) attempt.answers[i] = bad_token(found->second);
  }
  return success();
}

// A session's writes are of the turn and the call that its journal has under way.
void PgCommit::name_calls(Attempt& attempt, const Rows& under_way) {
  for (std::size_t row = 0; row < under_way.size(); ++row) {
    for (PendingWrite* write : attempt.writes) {
      if (write->call.caller.token != under_way.count(row, 0)) continue;
      write->call.caller.turn = under_way.count(row, 1);
      write->call.caller.op = OpId{under_way.uuid(row, 2)};
    }
  }
}

// A request that has happened gets the answer it got then. [S8]
Status PgCommit::answer_repeats(Attempt& attempt, const Rows& kept) {
  for (std::size_t row = 0; row < kept.size(); ++row) {
    const RequestId id{ClientId{kept.uuid(row, 0)}, kept.count(row, 1)};
    for (std::size_t i = 0; i < attempt.writes.size(); ++i) {
      const PendingWrite& write = *attempt.writes[i];
      if (write.batch.request != id || attempt.answers[i]) continue;
      if (kept.bytes(row, 2) != write.call.caller.principal ||
          kept.count(row, 3) != attempt.volume.value) {
        attempt.answers[i] = Error{
            Code::invalid, "request number " + std::to_string(id.number) +
                               " was used for another request: numbers rise and are used once"};
        continue;
      }
      auto outcomes = read_outcomes(kept.bytes(row, 6));
      if (!outcomes) return outcomes.error();
      attempt.answers[i] =
          Applied{Seq{kept.count(row, 4)}, Seq{kept.count(row, 5)}, *std::move(outcomes), true};
    }
  }
  return success();
}

void PgCommit::apply(Attempt& attempt) {
  if (!attempt.set) return;
  std::map<RequestId, std::size_t> seen;
  for (std::size_t i = 0; i < attempt.writes.size(); ++i) {
    if (attempt.answers[i]) continue;
    const PendingWrite& write = *attempt.writes[i];
    if (attempt.has_client(i)) {
      const auto [first, is_first] = seen.emplace(write.batch.request, i);
      if (!is_first) {
        attempt.answers[i] = attempt.answers[first->second];
        if (*attempt.answers[i]) (*attempt.answers[i])->repeated = true;
        continue;
      }
    }
    const Origin origin = origin_of(write.call.caller, write.batch.request);
    const Scope scope = Scope::of(write.call.caller, attempt.volume);
    attempt.answers[i] = apply_batch(*attempt.set, origin, write.batch, scope, rules_);
    if (connection_->broken() || connection_->transaction_failed()) return;
  }
}

// What to remember of the answers, and what clients have said they will not ask about again.
std::vector<Request> PgCommit::requests_rows(const Attempt& attempt) {
  using Type = Column::Type;
  Column clients(Type::uuid), numbers(Type::int8), principals(Type::text), volumes(Type::int8);
  Column firsts(Type::int8), lasts(Type::int8), outcomes(Type::bytea);
  std::map<ClientId, std::uint64_t> acknowledged;
  if (forgotten_.size() > kForgottenMax) forgotten_.clear();
  for (std::size_t i = 0; i < attempt.writes.size(); ++i) {
    const Batch& batch = attempt.writes[i]->batch;
    const auto& answer = *attempt.answers[i];
    if (!batch.request.client) continue;
    const std::uint64_t number = batch.request.number;
    const std::uint64_t behind = number > kRequestWindow ? number - kRequestWindow : 0;
    const std::uint64_t upto =
        std::min(std::max(batch.acknowledged, behind), number > 0 ? number - 1 : 0);
    std::uint64_t& refused = forgotten_[batch.request.client].refused;
    if (upto > refused) acknowledged[batch.request.client] = refused = upto;
    if (!answer || answer->repeated) continue;
    clients.add_uuid(batch.request.client.uuid);
    numbers.add(number);
    principals.add_bytes(attempt.writes[i]->call.caller.principal);
    volumes.add(attempt.volume.value);
    firsts.add(answer->first.value);
    lasts.add(answer->last.value);
    outcomes.add_bytes(write_outcomes(answer->outcomes));
  }
  std::vector<Request> requests;
  if (clients.size() > 0) {
    requests.push_back(
        rows_request(kKeep, {}, {clients, numbers, principals, volumes, firsts, lasts, outcomes}));
  }
  Column old_clients(Type::uuid), old_numbers(Type::int8);
  Column dead_clients(Type::uuid), dead_numbers(Type::int8);
  for (const auto& [client, number] : acknowledged) {
    old_clients.add_uuid(client.uuid);
    old_numbers.add(number);
    std::uint64_t& deleted = forgotten_[client].deleted;
    if (number - deleted < kForgetAtOnce) continue;
    deleted = number;
    dead_clients.add_uuid(client.uuid);
    dead_numbers.add(number);
  }
  if (old_clients.size() > 0) {
    requests.push_back({kRemember, Params().array(old_clients).array(old_numbers)});
  }
  if (dead_clients.size() > 0) {
    requests.push_back({kForget, Params().array(dead_clients).array(dead_numbers)});
  }
  return requests;
}

// The second round trip: the differences and COMMIT; before it, large contents chunk by chunk.
PgCommit::Try PgCommit::write(Attempt& attempt) {
  std::vector<Request> requests;
  if (attempt.set && !attempt.set->empty()) {
    for (const ContentEdit& edit : attempt.set->contents()) {
      if (edit.bytes && !edit.leaves_chunks) continue;
      auto stored = write_chunks(*connection_, *attempt.set, edit, attempt.deadline);
      if (!stored) return failed(stored.error(), false);
    }
    auto rows = rows_of(*attempt.set);
    if (!rows) return failed(rows.error(), false);
    requests = *std::move(rows);
  }
  for (Request& request : requests_rows(attempt)) requests.push_back(std::move(request));
  if (requests.empty()) {
    roll_back();
    return Try::done;
  }
  requests.push_back({kCommit, {}});
  auto done = connection_->run(requests, attempt.deadline);
  return done ? Try::done : failed(done.error(), true);
}

// Sorts a failure, and leaves the connection without a transaction.
PgCommit::Try PgCommit::failed(const Error& error, bool committing) {
  error_ = error;
  const std::string state = connection_->failure().state;
  forgotten_.clear();  // what was deleted with the transaction is there again
  if (connection_->broken()) {
    if (losses_known_ == losses_->load()) losses_known_ = ++*losses_;
    return committing ? Try::in_doubt : Try::lost;
  }
  roll_back();
  if (state == kLockNotAvailable) return Try::blocked;
  return is_race(state) ? Try::race : Try::failed;
}

void PgCommit::roll_back() {
  const Moment deadline = std::chrono::steady_clock::now() + kReadDeadline;
  if (!connection_->broken() && !connection_->execute("ROLLBACK", deadline)) connection_.reset();
}

}  // namespace outboard::server
