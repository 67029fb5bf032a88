#include "server/postgres/pg_trail.h"

#include <pthread.h>

#include <utility>

#include "core/limits.h"
#include "core/log.h"

namespace outboard::server {
namespace {

constexpr Sql kRefusals{
    "trail_refusals",
    "INSERT INTO refusals (organisation, volume, principal, token, session, op, path, code, times, "
    "first, last) SELECT t.o, coalesce(o.name || '/' || v.name, t.v::text), p, t, s, op, path, "
    "code, n, timestamptz 'epoch' + first * interval '1 microsecond', "
    "timestamptz 'epoch' + last * interval '1 microsecond' FROM unnest($1::bigint[], "
    "$2::bigint[], $3::text[], $4::bigint[], $5::uuid[], $6::text[], $7::text[], $8::text[], "
    "$9::bigint[], $10::bigint[], $11::bigint[]) AS t(o, v, p, t, s, op, path, code, n, first, "
    "last) LEFT JOIN volumes v ON v.id = t.v LEFT JOIN organisations o ON o.id = v.organisation "
    "ORDER BY first"};
// In one order, so that two servers do not wait for each other.
constexpr Sql kReads{
    "trail_reads",
    "INSERT INTO reads AS r (volume, inode, principal, day, times, last) "
    "SELECT v, i, p, (timestamptz 'epoch' + last * interval '1 microsecond') AT TIME ZONE 'UTC', "
    "n, timestamptz 'epoch' + last * interval '1 microsecond' FROM unnest($1::bigint[], "
    "$2::bigint[], $3::text[], $4::bigint[], $5::bigint[]) AS t(v, i, p, n, last) "
    "ORDER BY v, i, p ON CONFLICT (volume, day, inode, principal) DO UPDATE "
    "SET times = r.times + excluded.times, last = greatest(r.last, excluded.last)"};

std::int64_t microseconds(std::chrono::system_clock::time_point at) {
  return std::chrono::duration_cast<std::chrono::microseconds>(at.time_since_epoch()).count();
}

}  // namespace

PgTrail::PgTrail(ConnectionPool& pool) : pool_(pool), thread_([this] { run(); }) {}

PgTrail::~PgTrail() {
  {
    Lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

template <class Key>
void PgTrail::note(std::map<Key, Times> Gathered::*kind, Key key) {
  const auto now = std::chrono::system_clock::now();
  Lock lock(mutex_);
  auto& entries = gathered_.*kind;
  const auto found = entries.find(key);
  if (found != entries.end()) {
    ++found->second.count;
    found->second.last = now;
    return;
  }
  if (entries.size() >= kTrailEntriesMax) {
    ++gathered_.dropped;
    return;
  }
  const bool first = gathered_.empty();
  entries.emplace(std::move(key), Times{1, now, now});
  if (first) changed_.notify_all();
}

void PgTrail::refused(const Caller& caller, const Attempt& attempt) {
  note(&Gathered::refusals,
       RefusalKey{caller.organisation, attempt.volume, caller.principal, caller.token,
                  caller.session, attempt.op, attempt.path, attempt.code});
}

void PgTrail::read(const Caller& caller, VolumeId volume, Inode inode) {
  note(&Gathered::reads, ReadKey{volume, inode, caller.principal});
}

// Waits until there is something, and then for more of it. False: it is the last.
bool PgTrail::gather(Gathered& taken) {
  Lock lock(mutex_);
  while (!stopping_ && gathered_.empty()) changed_.wait(mutex_);
  const Moment until = std::chrono::steady_clock::now() + kTrailPause;
  while (!stopping_ && std::chrono::steady_clock::now() < until) {
    changed_.wait_until(mutex_, until);
  }
  std::swap(taken, gathered_);
  return !stopping_;
}

void PgTrail::run() {
  pthread_setname_np(pthread_self(), "trail");
  for (bool more = true; more;) {
    Gathered taken;
    more = gather(taken);
    write(std::move(taken),
          std::chrono::steady_clock::now() + (more ? kWriteDeadline : kTrailPause));
  }
}

// What the database does not take now is gathered again.
void PgTrail::write(Gathered taken, Moment until) {
  if (write_refusals(taken, until)) taken.refusals.clear();
  if (write_reads(taken, until)) taken.reads.clear();
  if (taken.empty()) return;
  log(Severity::warning, "not all that the audit should have is written",
      {{"too many at once", std::to_string(taken.dropped)},
       {"waiting", std::to_string(taken.refusals.size() + taken.reads.size())}});
  Lock lock(mutex_);
  gathered_.refusals.merge(taken.refusals);
  gathered_.reads.merge(taken.reads);
}

bool PgTrail::write_refusals(const Gathered& taken, Moment until) {
  if (taken.refusals.empty()) return true;
  using Type = Column::Type;
  Column organisations(Type::int8), volumes(Type::int8), principals(Type::text), tokens(Type::int8);
  Column sessions(Type::uuid), ops(Type::text), paths(Type::text), codes(Type::text);
  Column times(Type::int8), firsts(Type::int8), lasts(Type::int8);
  for (const auto& [key, counted] : taken.refusals) {
    organisations.add(key.organisation);
    volumes.add(key.volume.value);
    principals.add_bytes(key.principal);
    tokens.add(key.token);
    sessions.add_uuid(key.session.uuid);
    ops.add_bytes(key.op);
    paths.add_name(key.path);
    codes.add_bytes(name_of(key.code));
    times.add(counted.count);
    firsts.add(microseconds(counted.first));
    lasts.add(microseconds(counted.last));
  }
  Params params;
  for (const Column* column : {&organisations, &volumes, &principals, &tokens, &sessions, &ops,
                               &paths, &codes, &times, &firsts, &lasts}) {
    params.array(*column);
  }
  return bool(pool_.run(kRefusals, params, until));
}

bool PgTrail::write_reads(const Gathered& taken, Moment until) {
  if (taken.reads.empty()) return true;
  using Type = Column::Type;
  Column volumes(Type::int8), inodes(Type::int8), principals(Type::text), times(Type::int8);
  Column lasts(Type::int8);
  for (const auto& [key, counted] : taken.reads) {
    volumes.add(key.volume.value);
    inodes.add(key.inode.value);
    principals.add_bytes(key.principal);
    times.add(counted.count);
    lasts.add(microseconds(counted.last));
  }
  return bool(pool_.run(
      kReads, Params().array(volumes).array(inodes).array(principals).array(times).array(lasts),
      until));
}

}  // namespace outboard::server
