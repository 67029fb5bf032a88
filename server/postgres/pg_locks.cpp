#include "server/postgres/pg_locks.h"

#include <pthread.h>

#include <algorithm>
#include <optional>

#include "core/limits.h"
#include "core/log.h"

namespace outboard::server {
namespace {

// As `grace` is passed along: a client's lease is prolonged while it lasts.
constexpr Sql kRenew{
    "lock_renew",
    "UPDATE lock_leases s SET token = t.token, "
    "until = clock_timestamp() + make_interval(secs => $4::bigint / 1000.0) "
    "FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS t(client, principal, token) "
    "WHERE s.client = t.client AND s.principal = t.principal AND lease_lasts(s.until, s.token)"};
// Leases that ended long ago, with what they held in files where nobody waits.
constexpr Sql kSweepLocks{"lock_sweep_locks",
                          "DELETE FROM locks l USING lock_leases s WHERE l.client = s.client "
                          "AND s.until < clock_timestamp() - interval '10 minutes'"};
constexpr Sql kSweepLeases{"lock_sweep_leases",
                           "DELETE FROM lock_leases s WHERE s.until < clock_timestamp() - "
                           "interval '10 minutes' AND NOT EXISTS (SELECT 1 FROM locks l "
                           "WHERE l.client = s.client)"};
constexpr Sql kSweepWaiters{"lock_sweep_waiters",
                            "DELETE FROM lock_waiters "
                            "WHERE until < clock_timestamp() - interval '1 minute'"};
// Renewals between two sweeps.
constexpr int kSweepEvery = 32;

Moment now() {
  return std::chrono::steady_clock::now();
}

Error too_late(const LockQuery& query) {
  return Error{Code::timed_out, "the lock was not free before the deadline",
               to_string(query.inode)};
}

// Why an unlock came to nothing: it does not wait for a lock to be free.
Error not_taken_back(const LockQuery& query) {
  return Error{Code::timed_out,
               "nothing was given up: a lock that the same owner asked for in this file was still "
               "being tried at the deadline; unlock again",
               to_string(query.inode)};
}

Error circle(const LockQuery& query) {
  return Error{Code::conflict,
               "this lock and one that its owner holds would wait for each other for ever: give "
               "up the one that is held",
               to_string(query.inode)};
}

}  // namespace

PgLocks::PgLocks(const std::string& url, std::chrono::milliseconds grace)
    : grace_(grace),
      pool_(url, kLockConnections, {"jit=off", "application_name=outboard-locks"}),
      queue_thread_([this] { run_queue(); }),
      lease_thread_([this] { run_leases(); }) {}

PgLocks::~PgLocks() {
  {
    Lock lock(mutex_);
    stopping_ = true;
  }
  rung_bell_.notify_all();
  came_.notify_all();
  queue_thread_.join();
  lease_thread_.join();
  std::map<LockFile, std::map<LockPlace, WaiterPtr>> left;
  {
    Lock lock(mutex_);
    left.swap(waiting_);
  }
  for (const auto& [file, places] : left) {
    for (const auto& [place, waiter] : places) {
      waiter->done(Error{Code::unavailable, "the server is stopping: lock again elsewhere"});
    }
  }
}

void PgLocks::lock(const Call& call, VolumeId volume, const LockQuery& query, LockDone done) {
  const auto range = range_of(query);
  if (!range) return done(range.error());
  WantedLock wanted{call, {volume, query.inode, query.whole_file}, query, *range, 0};
  // Even who does not wait for a lock waits for the database.
  wanted.call.deadline = std::min(call.deadline, now() + kCallDeadlineMax);
  const LockOwner owner = owner_of(query);
  const bool unlocks = !query.kind && !query.test;
  if (unlocks && !take_back(wanted.file, owner, wanted.call.deadline)) {
    return done(not_taken_back(query));
  }
  std::optional<Trying> trying;
  if (!unlocks) trying.emplace(*this, wanted.file, owner);
  Result<LockTry> tried = Error{};
  {
    auto connection = pool_.borrow(wanted.call.deadline);
    if (!connection) return done(connection.error());
    tried = attempt_lock(**connection, wanted, grace_);
    if (tried && !tried->answer && !query.whole_file) {
      auto circled = in_circle(**connection, owner, wanted.call.deadline);
      if (!circled || *circled) {
        (void)leave_queue(**connection, {tried->place}, wanted.call.deadline);
        tried = circled ? circle(query) : circled.error();
      }
    }
  }
  if (!tried) return done(tried.error());
  if (tried->answer) {
    if (tried->others_wait) ring(wanted.file);
    return done(*tried->answer);
  }
  wanted.place = tried->place;
  park(std::move(wanted), std::move(done));
}

// Once it is in the list it may be its turn already: the bell may have rung before.
void PgLocks::park(WantedLock wanted, LockDone done) {
  const LockFile file = wanted.file;
  const LockPlace place = wanted.place;
  auto waiter = std::make_shared<Waiter>(Waiter{std::move(wanted), std::move(done)});
  {
    Lock lock(mutex_);
    if (!stopping_ && waiters_ < kLocksWaitingMax) {
      waiting_[file].emplace(place, std::move(waiter));
      ++waiters_;
      rung_.insert(file);
      rung_bell_.notify_one();
      return;
    }
  }
  waiter->done(Error{Code::unavailable,
                     std::to_string(kLocksWaitingMax) +
                         " locks wait in this server already, or it is stopping: try again later",
                     to_string(file.inode)});
}

PgLocks::Trying::Trying(PgLocks& locks, const LockFile& file, const LockOwner& owner)
    : locks_(locks), file_(file), owner_(owner) {
  Lock lock(locks_.mutex_);
  locks_.trying_.emplace_back(file_, owner_);
}

PgLocks::Trying::~Trying() {
  Lock lock(locks_.mutex_);
  auto& trying = locks_.trying_;
  trying.erase(std::find(trying.begin(), trying.end(), std::pair{file_, owner_}));
  locks_.tried_.notify_all();
}

PgLocks::WaiterPtr PgLocks::take(const LockFile& file, LockPlace place) {
  Lock lock(mutex_);
  const auto places = waiting_.find(file);
  if (places == waiting_.end()) return nullptr;
  const auto found = places->second.find(place);
  if (found == places->second.end()) return nullptr;
  WaiterPtr waiter = std::move(found->second);
  places->second.erase(found);
  if (places->second.empty()) waiting_.erase(places);
  --waiters_;
  return waiter;
}

// An unlock ends what its owner waits for in the file, too: its caller has gone. The race that is
// won here: it may be that lock's turn just now, and what is granted behind the unlock would be
// held for nobody. So the unlock waits until nobody tries for its owner, and comes behind.
bool PgLocks::take_back(const LockFile& file, const LockOwner& owner, Moment deadline) {
  std::vector<WaiterPtr> own;
  {
    Lock lock(mutex_);
    const std::pair wanted{file, owner};
    while (std::find(trying_.begin(), trying_.end(), wanted) != trying_.end()) {
      if (!tried_.wait_until(mutex_, deadline)) return false;
    }
    const auto places = waiting_.find(file);
    if (places == waiting_.end()) return true;
    for (auto next = places->second.begin(); next != places->second.end();) {
      if (owner_of(next->second->wanted.query) != owner) {
        ++next;
        continue;
      }
      own.push_back(std::move(next->second));
      next = places->second.erase(next);
      --waiters_;
    }
    if (places->second.empty()) waiting_.erase(places);
  }
  for (const WaiterPtr& waiter : own) {
    waiter->done(Error{Code::conflict, "the owner took the waiting lock back by an unlock",
                       to_string(file.inode)});
  }
  return true;
}

void PgLocks::ring(const LockFile& file) {
  Lock lock(mutex_);
  if (!waiting_.contains(file)) return;
  rung_.insert(file);
  rung_bell_.notify_one();
}

bool PgLocks::heard(std::string_view payload) {
  const auto file = file_of_bell(payload);
  if (file) ring(*file);
  return file.has_value();
}

void PgLocks::doubt() {
  Lock lock(mutex_);
  doubtful_ = true;
  rung_bell_.notify_one();
}

// ── The queue ────────────────────────────────────────────────────────────────────────────────────

Moment PgLocks::next_deadline() {
  Moment next = Moment::max();
  for (const auto& [file, places] : waiting_) {
    for (const auto& [place, waiter] : places) {
      next = std::min(next, waiter->wanted.call.deadline);
    }
  }
  return next;
}

void PgLocks::run_queue() {
  pthread_setname_np(pthread_self(), "lock-queue");
  Moment next_look = now() + kLockLookInterval;
  for (;;) {
    std::set<LockFile> rung;
    bool doubtful = false;
    {
      Lock lock(mutex_);
      while (!stopping_ && rung_.empty() && !doubtful_ && now() < next_look) {
        if (waiting_.empty()) {
          rung_bell_.wait(mutex_);
          next_look = now() + kLockLookInterval;
        } else {
          rung_bell_.wait_until(mutex_, std::min(next_look, next_deadline()));
          if (next_deadline() <= now()) break;
        }
      }
      if (stopping_) return;
      rung.swap(rung_);
      doubtful = std::exchange(doubtful_, false);
    }
    end_late(now());
    for (const LockFile& file : rung) advance(file, false);
    if (now() < next_look && !doubtful) continue;
    look_around();
    next_look = now() + kLockLookInterval;
  }
}

// What no bell tells of.
void PgLocks::look_around() {
  std::set<LockFile> files;
  std::vector<LockPlace> places;
  {
    Lock lock(mutex_);
    for (const auto& [file, waiters] : waiting_) {
      files.insert(file);
      for (const auto& [place, waiter] : waiters) places.push_back(place);
    }
  }
  if (files.empty()) return;
  {
    const Moment deadline = now() + kReadDeadline;
    auto connection = pool_.borrow(deadline);
    if (!connection) return;
    (void)keep_places(**connection, places, deadline);
    (void)free_ended(**connection, files, deadline);
  }
  for (const LockFile& file : files) advance(file, true);
}

void PgLocks::advance(const LockFile& file, bool thorough) {
  std::set<LockPlace> ours;
  {
    Lock lock(mutex_);
    const auto places = waiting_.find(file);
    if (places == waiting_.end()) return;
    for (const auto& [place, waiter] : places->second) ours.insert(place);
  }
  std::vector<LockPlace> now_theirs;
  {
    const Moment deadline = now() + kReadDeadline;
    auto connection = pool_.borrow(deadline);
    if (!connection) return;
    auto found = turns(**connection, file, ours, thorough, deadline);
    if (!found) return;  // the next look tries again
    now_theirs = *std::move(found);
  }
  for (const LockPlace place : now_theirs) try_again(file, place);
}

void PgLocks::try_again(const LockFile& file, LockPlace place) {
  std::optional<LockOwner> owner;
  {
    Lock lock(mutex_);
    const auto places = waiting_.find(file);
    if (places == waiting_.end() || !places->second.contains(place)) return;
    owner = owner_of(places->second.at(place)->wanted.query);
  }
  const Trying trying(*this, file,
                      *owner);  // before it is taken out: an unlock finds one or the other
  const WaiterPtr waiter = take(file, place);
  if (!waiter) return;
  auto connection = pool_.borrow(waiter->wanted.call.deadline);
  if (!connection) return waiter->done(connection.error());
  auto tried = attempt_lock(**connection, waiter->wanted, grace_);
  if (!tried) {
    (void)leave_queue(**connection, {place}, waiter->wanted.call.deadline);
    return waiter->done(tried.error());
  }
  if (tried->answer) return waiter->done(*tried->answer);
  Lock lock(mutex_);
  waiting_[file].emplace(place, waiter);
  ++waiters_;
  rung_.insert(file);  // the bell may have rung while it stood in no queue
  rung_bell_.notify_one();
}

void PgLocks::end_late(Moment at) {
  std::vector<std::pair<LockFile, LockPlace>> late;
  {
    Lock lock(mutex_);
    for (const auto& [file, places] : waiting_) {
      for (const auto& [place, waiter] : places) {
        if (waiter->wanted.call.deadline <= at) late.emplace_back(file, place);
      }
    }
  }
  if (late.empty()) return;
  std::vector<LockPlace> places;
  for (const auto& [file, place] : late) {
    places.push_back(place);
    if (const WaiterPtr waiter = take(file, place)) waiter->done(too_late(waiter->wanted.query));
  }
  {
    const Moment deadline = now() + kReadDeadline;
    auto connection = pool_.borrow(deadline);
    if (connection) (void)leave_queue(**connection, places, deadline);
  }
  for (const auto& [file, place] : late) ring(file);  // who stood behind may have their turn
}

// ── Leases ───────────────────────────────────────────────────────────────────────────────────────

void PgLocks::attach(const Caller& caller) {
  if (!caller.client) return;
  Lock lock(mutex_);
  Client& client = clients_[caller.client];
  ++client.subscriptions;
  client.principal = caller.principal;
  client.token = caller.token;
  renew_now_ = true;  // a grace may be about to end
  came_.notify_one();
}

void PgLocks::detach(const ClientId& client) {
  Lock lock(mutex_);
  const auto found = clients_.find(client);
  if (found != clients_.end() && --found->second.subscriptions == 0) clients_.erase(found);
}

void PgLocks::run_leases() {
  pthread_setname_np(pthread_self(), "lock-lease");
  const auto interval = std::min<std::chrono::milliseconds>(kLockRenewInterval, grace_ / 4);
  for (int rounds = 1;; ++rounds) {
    {
      Lock lock(mutex_);
      const Moment next = now() + interval;
      while (!stopping_ && !renew_now_ && came_.wait_until(mutex_, next)) {
      }
      if (stopping_) return;
      renew_now_ = false;
    }
    renew();
    if (rounds % kSweepEvery != 0) continue;
    for (const Sql& sql : {kSweepWaiters, kSweepLocks, kSweepLeases}) {
      (void)pool_.run(sql, {}, now() + kReadDeadline);
    }
  }
}

void PgLocks::renew() {
  Column ids(Column::Type::uuid);
  Column principals(Column::Type::text);
  Column tokens(Column::Type::int8);
  {
    Lock lock(mutex_);
    for (const auto& [id, client] : clients_) {
      ids.add_uuid(id.uuid);
      principals.add_bytes(client.principal);
      if (client.token != 0) {
        tokens.add(client.token);
      } else {
        tokens.add_null();
      }
    }
  }
  if (ids.size() == 0) return;
  auto renewed = pool_.run(
      kRenew,
      Params().array(ids).array(principals).array(tokens).int8(std::int64_t{grace_.count()}),
      now() + grace_ / 2);
  if (renewed) return;
  log(Severity::warning, "leases of locks could not be renewed",
      {{"clients", std::to_string(ids.size())}, {"why", renewed.error().message}});
}

}  // namespace outboard::server
