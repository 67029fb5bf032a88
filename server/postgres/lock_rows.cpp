#include "server/postgres/lock_rows.h"

#include <algorithm>
#include <charconv>

#include "core/limits.h"
#include "server/postgres/read_errors.h"

namespace outboard::server {
namespace {

constexpr std::string_view kBell = "lock ";
// Places behind others that one look tries, when it is thorough.
constexpr std::size_t kThoroughMax = 16;

constexpr Sql kBegin{"lock_begin", "BEGIN"};
constexpr Sql kCommit{"lock_commit", "COMMIT"};
constexpr Sql kSerial{"lock_serial",
                      "SELECT pg_advisory_xact_lock(hashtextextended("
                      "'outboard lock ' || $1::bigint || ':' || $2::bigint, 0))"};
constexpr Sql kLease{"lock_lease",
                     "SELECT hold_lease($1::uuid, $2::text, $3::bigint, "
                     "make_interval(secs => $4::bigint / 1000.0))"};
#define OUTBOARD_LOCK_FILE "volume = $1::bigint AND inode = $2::bigint AND whole_file = $3::boolean"
constexpr Sql kHeld{"lock_held",
                    "SELECT l.client, l.owner, l.from_byte, l.to_byte, l.exclusive FROM locks l "
                    "JOIN lock_leases s ON s.client = l.client "
                    "WHERE l." OUTBOARD_LOCK_FILE " AND lease_lasts(s.until, s.token)"};
constexpr Sql kWaiting{"lock_waiting",
                       "SELECT w.client, w.owner, w.from_byte, w.to_byte, w.exclusive, w.place "
                       "FROM lock_waiters w WHERE w." OUTBOARD_LOCK_FILE
                       " AND w.until > clock_timestamp() ORDER BY w.place"};
constexpr Sql kHead{"lock_head",
                    "SELECT v.head_seq, n.inode FROM volumes v LEFT JOIN inodes n "
                    "ON n.volume = v.id AND n.inode = $2::bigint WHERE v.id = $1::bigint"};
// Whether somebody, anywhere, waits for what the owner holds.
constexpr Sql kAwaited{
    "lock_awaited",
    "SELECT EXISTS (SELECT 1 FROM locks l JOIN lock_waiters w ON w.volume = l.volume "
    "AND w.inode = l.inode AND w.whole_file = l.whole_file AND w.from_byte < l.to_byte "
    "AND l.from_byte < w.to_byte AND (w.exclusive OR l.exclusive) "
    "AND (w.client, w.owner) <> (l.client, l.owner) AND w.until > clock_timestamp() "
    "WHERE l.client = $1::uuid AND l.owner = $2::bigint)"};
constexpr Sql kForgetOwn{"lock_forget_own", "DELETE FROM locks WHERE " OUTBOARD_LOCK_FILE
                                            " AND client = $4::uuid AND owner = $5::bigint"};
constexpr Sql kHold{"lock_hold",
                    "INSERT INTO locks (volume, inode, whole_file, client, owner, from_byte, "
                    "to_byte, exclusive) SELECT $1::bigint, $2::bigint, $3::boolean, $4::uuid, "
                    "$5::bigint, t.* FROM unnest($6::bigint[], $7::bigint[], $8::boolean[]) AS t"};
constexpr Sql kQueue{"lock_queue",
                     "INSERT INTO lock_waiters (volume, inode, whole_file, client, owner, "
                     "from_byte, to_byte, exclusive, until) VALUES ($1::bigint, $2::bigint, "
                     "$3::boolean, $4::uuid, $5::bigint, $6::bigint, $7::bigint, $8::boolean, "
                     "clock_timestamp() + make_interval(secs => $9::bigint / 1000.0)) "
                     "RETURNING place"};
constexpr Sql kLeaveOwn{"lock_leave_own", "DELETE FROM lock_waiters WHERE " OUTBOARD_LOCK_FILE
                                          " AND client = $4::uuid AND owner = $5::bigint"};
constexpr Sql kLeave{"lock_leave", "DELETE FROM lock_waiters WHERE place = ANY($1::bigint[])"};
constexpr Sql kKeep{"lock_keep",
                    "UPDATE lock_waiters SET until = clock_timestamp() + "
                    "make_interval(secs => $2::bigint / 1000.0) WHERE place = ANY($1::bigint[])"};
constexpr Sql kRing{"lock_ring", "SELECT pg_notify('outboard', $1::text)"};
constexpr Sql kFree{"lock_free",
                    "DELETE FROM locks l USING lock_leases s, "
                    "unnest($1::bigint[], $2::bigint[], $3::boolean[]) AS f(volume, inode, whole) "
                    "WHERE l.volume = f.volume AND l.inode = f.inode AND l.whole_file = f.whole "
                    "AND s.client = l.client AND NOT lease_lasts(s.until, s.token) "
                    "RETURNING l.volume, l.inode, l.whole_file"};
constexpr Sql kCircle{
    "lock_circle",
    "WITH RECURSIVE reached(client, owner, steps) AS ("
    "SELECT $1::uuid, $2::bigint, 0 UNION "
    "SELECT l.client, l.owner, r.steps + 1 FROM reached r "
    "JOIN lock_waiters w ON w.client = r.client AND w.owner = r.owner AND NOT w.whole_file "
    "AND w.until > clock_timestamp() "
    "JOIN locks l ON l.volume = w.volume AND l.inode = w.inode AND NOT l.whole_file "
    "AND w.from_byte < l.to_byte AND l.from_byte < w.to_byte AND (w.exclusive OR l.exclusive) "
    "AND (w.client, w.owner) <> (l.client, l.owner) WHERE r.steps < $3::bigint) "
    "SELECT EXISTS (SELECT 1 FROM reached WHERE steps > 0 AND client = $1::uuid "
    "AND owner = $2::bigint)"};

Params key(const LockFile& file) {
  return Params().int8(file.volume.value).int8(file.inode.value).boolean(file.whole_file);
}

Params own(const WantedLock& wanted) {
  Params params = key(wanted.file);
  params.uuid(wanted.query.client.uuid).int8(wanted.query.owner);
  return params;
}

HeldLock read_lock(const Rows& rows, std::size_t row) {
  return HeldLock{{ClientId{rows.uuid(row, 0)}, rows.count(row, 1)},
                  {rows.count(row, 2), rows.count(row, 3)},
                  rows.flag(row, 4) ? LockKind::exclusive : LockKind::shared};
}

struct Waiter {
  HeldLock wanted;
  LockPlace place = 0;
};

// What the first round trip saw of the file.
struct View {
  LockTable table;
  std::vector<Waiter> queue;
  Seq head;
};

View read_view(const Rows& held, const Rows& waiting) {
  std::vector<HeldLock> locks;
  for (std::size_t row = 0; row < held.size(); ++row) locks.push_back(read_lock(held, row));
  View view{LockTable(std::move(locks)), {}, {}};
  for (std::size_t row = 0; row < waiting.size(); ++row) {
    view.queue.push_back({read_lock(waiting, row), waiting.count(row, 5)});
  }
  return view;
}

// One who came before and would be passed.
const Waiter* ahead_of(const View& view, const HeldLock& wanted, LockPlace place) {
  for (const Waiter& waiter : view.queue) {
    if (place != 0 && waiter.place >= place) return nullptr;
    if (in_the_way(waiter.wanted, wanted)) return &waiter;
  }
  return nullptr;
}

void roll_back(Connection& connection, Moment deadline) {
  if (!connection.broken()) (void)connection.execute("ROLLBACK", deadline);
}

Params places_of(const std::vector<LockPlace>& places) {
  Column column(Column::Type::int8);
  for (const LockPlace place : places) column.add(place);
  return Params().array(column);
}

// The transaction of one try.
class Attempt {
 public:
  Attempt(Connection& connection, const WantedLock& wanted)
      : connection_(connection), wanted_(wanted) {}

  Result<LockTry> run(std::chrono::milliseconds grace) {
    if (auto looked = look(grace); !looked) return looked.error();
    const LockQuery& query = wanted_.query;
    if (query.test) return answer_test();
    if (!query.kind) return finish_unlock();
    const HeldLock lock{owner_of(query), wanted_.range, *query.kind};
    if (wanted_.place != 0 && !stands()) {
      return Error{Code::unavailable,
                   "the place in the queue for this lock was lost, or taken back: lock again",
                   to_string(query.inode)};
    }
    if (view_.table.count(lock.owner) >= kLockRangesMax) {
      return Error{Code::too_big,
                   "one owner holds " + std::to_string(kLockRangesMax) +
                       " ranges of this file, the limit: lock larger ones",
                   to_string(query.inode)};
    }
    const HeldLock* obstacle = view_.table.obstacle(lock);
    if (obstacle == nullptr) {
      if (const Waiter* ahead = ahead_of(view_, lock, wanted_.place)) {
        auto awaited = connection_.run(
            kAwaited, Params().uuid(lock.owner.client.uuid).int8(lock.owner.number), deadline());
        if (!awaited) return awaited.error();
        if (!awaited->flag(0, 0)) obstacle = &ahead->wanted;
      }
    }
    if (obstacle == nullptr) return finish_lock();
    if (!query.wait) return lock_conflict(query, *obstacle);
    return finish_waiting();
  }

 private:
  Moment deadline() const { return wanted_.call.deadline; }

  Status look(std::chrono::milliseconds grace) {
    const LockQuery& query = wanted_.query;
    const bool takes = query.kind && !query.test;
    std::vector<Request> requests{
        {kBegin, {}},
        {kSerial, Params().int8(wanted_.file.volume.value).int8(wanted_.file.inode.value)}};
    if (takes) {
      Params lease;
      lease.uuid(query.client.uuid).bytes(wanted_.call.caller.principal);
      if (wanted_.call.caller.token != 0) {
        lease.int8(wanted_.call.caller.token);
      } else {
        lease.null();
      }
      requests.push_back({kLease, lease.int8(std::int64_t{grace.count()})});
    }
    const std::size_t first = requests.size();
    requests.push_back({kHeld, key(wanted_.file)});
    requests.push_back({kWaiting, key(wanted_.file)});
    requests.push_back(
        {kHead, Params().int8(wanted_.file.volume.value).int8(wanted_.file.inode.value)});
    auto rows = connection_.run(requests, deadline());
    if (!rows) return rows.error();
    if (takes && !(*rows)[2].flag(0, 0)) {
      return Error{Code::no_access,
                   "locks of this client are held by another principal: a process has an id of "
                   "its own, made at random",
                   to_string(query.client)};
    }
    const Rows& head = (*rows)[first + 2];
    if (head.empty()) return no_volume(wanted_.file.volume);
    if (head.null(0, 1)) return no_node(wanted_.file.inode);
    view_ = read_view((*rows)[first], (*rows)[first + 1]);
    view_.head = Seq{head.count(0, 0)};
    return success();
  }

  Result<LockTry> answer_test() {
    LockAnswer answer{view_.head, {}};
    if (wanted_.query.kind) {
      const HeldLock lock{owner_of(wanted_.query), wanted_.range, *wanted_.query.kind};
      if (const HeldLock* held = view_.table.obstacle(lock)) answer.holder = holder_of(*held);
    }
    roll_back(connection_, deadline());
    return LockTry{answer, 0, false};
  }

  Result<LockTry> finish_unlock() {
    std::vector<Request> requests = rows_of_owner();
    requests.push_back({kLeaveOwn, own(wanted_)});
    return commit(std::move(requests));
  }

  Result<LockTry> finish_lock() {
    std::vector<Request> requests = rows_of_owner();
    if (wanted_.place != 0) requests.push_back({kLeave, places_of({wanted_.place})});
    return commit(std::move(requests));
  }

  Result<LockTry> commit(std::vector<Request> requests) {
    const LockOwner owner = owner_of(wanted_.query);
    const bool others =
        std::any_of(view_.queue.begin(), view_.queue.end(),
                    [&](const Waiter& waiter) { return waiter.wanted.owner != owner; });
    if (others) requests.push_back({kRing, Params().bytes(bell_of(wanted_.file))});
    requests.push_back({kCommit, {}});
    auto done = connection_.run(requests, deadline());
    if (!done) return done.error();
    return LockTry{LockAnswer{view_.head, {}}, 0, others};
  }

  // The owner's rows as they become.
  std::vector<Request> rows_of_owner() {
    const LockOwner owner = owner_of(wanted_.query);
    view_.table.set(owner, wanted_.range, wanted_.query.kind);
    Column from(Column::Type::int8);
    Column to(Column::Type::int8);
    Column exclusive(Column::Type::boolean);
    for (const HeldLock& held : view_.table.held()) {
      if (held.owner != owner) continue;
      from.add(held.range.from);
      to.add(held.range.to);
      exclusive.add(std::int64_t{held.kind == LockKind::exclusive});
    }
    std::vector<Request> requests{{kForgetOwn, own(wanted_)}};
    if (from.size() > 0) {
      requests.push_back({kHold, own(wanted_).array(from).array(to).array(exclusive)});
    }
    return requests;
  }

  bool stands() const {
    return std::any_of(view_.queue.begin(), view_.queue.end(),
                       [&](const Waiter& waiter) { return waiter.place == wanted_.place; });
  }

  Result<LockTry> finish_waiting() {
    if (wanted_.place != 0) {
      roll_back(connection_, deadline());
      return LockTry{{}, wanted_.place, false};
    }
    Params params = own(wanted_);
    params.int8(wanted_.range.from)
        .int8(wanted_.range.to)
        .boolean(*wanted_.query.kind == LockKind::exclusive)
        .int8(std::int64_t{kLockPlaceFor.count()});
    auto done = connection_.run({{kQueue, params}, {kCommit, {}}}, deadline());
    if (!done) return done.error();
    return LockTry{{}, (*done)[0].count(0, 0), false};
  }

  Connection& connection_;
  const WantedLock& wanted_;
  View view_;
};

}  // namespace

Result<LockTry> attempt_lock(Connection& connection, const WantedLock& wanted,
                             std::chrono::milliseconds grace) {
  auto tried = Attempt(connection, wanted).run(grace);
  if (!tried) roll_back(connection, wanted.call.deadline);
  return tried;
}

Result<std::vector<LockPlace>> turns(Connection& connection, const LockFile& file,
                                     const std::set<LockPlace>& ours, bool thorough,
                                     Moment deadline) {
  auto rows = connection.run({{kHeld, key(file)}, {kWaiting, key(file)}}, deadline);
  if (!rows) return rows.error();
  View view = read_view((*rows)[0], (*rows)[1]);
  std::vector<LockPlace> found;
  std::size_t behind = 0;
  std::set<LockPlace> seen;
  for (const Waiter& waiter : view.queue) {
    seen.insert(waiter.place);
    const bool held = view.table.obstacle(waiter.wanted) != nullptr;
    const bool passes = ahead_of(view, waiter.wanted, waiter.place) != nullptr;
    if (!held && !passes) {
      if (ours.contains(waiter.place)) found.push_back(waiter.place);
    } else if (!held && thorough && ours.contains(waiter.place) && behind++ < kThoroughMax) {
      found.push_back(waiter.place);
    }
    const bool everything =
        waiter.wanted.range == LockRange{0, kLockEnd} && waiter.wanted.kind == LockKind::exclusive;
    if (everything && !thorough) break;  // nobody behind it has a turn before it
  }
  // A place that the queue does not know any more: its owner took it back, or it ran out.
  for (const LockPlace place : ours) {
    if (thorough && !seen.contains(place)) found.push_back(place);
  }
  return found;
}

Result<bool> in_circle(Connection& connection, const LockOwner& owner, Moment deadline) {
  auto rows = connection.run(kCircle,
                             Params()
                                 .uuid(owner.client.uuid)
                                 .int8(owner.number)
                                 .int8(static_cast<std::uint64_t>(kLockCircleMax)),
                             deadline);
  if (!rows) return rows.error();
  return rows->flag(0, 0);
}

Status leave_queue(Connection& connection, const std::vector<LockPlace>& places, Moment deadline) {
  auto rows = connection.run(kLeave, places_of(places), deadline);
  return rows ? success() : Status(rows.error());
}

Status keep_places(Connection& connection, const std::vector<LockPlace>& places, Moment deadline) {
  auto rows =
      connection.run(kKeep, places_of(places).int8(std::int64_t{kLockPlaceFor.count()}), deadline);
  return rows ? success() : Status(rows.error());
}

Result<std::vector<LockFile>> free_ended(Connection& connection, const std::set<LockFile>& files,
                                         Moment deadline) {
  Column volumes(Column::Type::int8);
  Column inodes(Column::Type::int8);
  Column whole(Column::Type::boolean);
  for (const LockFile& file : files) {
    volumes.add(file.volume.value);
    inodes.add(file.inode.value);
    whole.add(std::int64_t{file.whole_file});
  }
  auto rows = connection.run(kFree, Params().array(volumes).array(inodes).array(whole), deadline);
  if (!rows) return rows.error();
  std::vector<LockFile> freed;
  for (std::size_t row = 0; row < rows->size(); ++row) {
    freed.push_back(
        {VolumeId{rows->count(row, 0)}, Inode{rows->count(row, 1)}, rows->flag(row, 2)});
  }
  return freed;
}

std::string bell_of(const LockFile& file) {
  return std::string(kBell) + to_string(file.volume) + ":" + to_string(file.inode) +
         (file.whole_file ? ":f" : ":r");
}

std::optional<LockFile> file_of_bell(std::string_view payload) {
  if (!payload.starts_with(kBell)) return std::nullopt;
  payload.remove_prefix(kBell.size());
  LockFile file;
  const char* const end = payload.data() + payload.size();
  const auto first = std::from_chars(payload.data(), end, file.volume.value);
  if (first.ec != std::errc{} || first.ptr == end) return std::nullopt;
  const auto second = std::from_chars(first.ptr + 1, end, file.inode.value);
  if (second.ec != std::errc{} || end - second.ptr != 2) return std::nullopt;
  file.whole_file = second.ptr[1] == 'f';
  return file;
}

}  // namespace outboard::server
