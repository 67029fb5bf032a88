// PgStore's reading of contents: versions, snapshots, history.
#include <algorithm>
#include <set>

#include "core/limits.h"
#include "core/path.h"
#include "server/postgres/name_text.h"
#include "server/postgres/node_rows.h"
#include "server/postgres/pg_chunks.h"
#include "server/postgres/pg_store.h"
#include "server/postgres/read_errors.h"
#include "server/postgres/snapshot_bodies.h"

namespace outboard::server {
namespace {

constexpr Sql kRead{
    "content_read",
    "SELECT v.head_seq, n.kind, n.version, x.version, x.size, x.chunked, x.redacted, "
    "substr(x.data, $4::int + 1, $5::int) FROM volumes v "
    "LEFT JOIN inodes n ON n.volume = v.id AND n.inode = $2::bigint "
    "LEFT JOIN " OUTBOARD_ONE_VERSION("v.id", "n.inode",
                                      "CASE WHEN $3::bigint = 0 THEN n.version ELSE "
                                      "$3::bigint END") " x ON true WHERE v.id = $1::bigint"};
constexpr Sql kReadMany{
    "content_read_many",
    "SELECT v.head_seq, n.kind, n.version, x.version, x.size, x.chunked, x.redacted, x.data "
    "FROM volumes v CROSS JOIN unnest($2::bigint[], $3::bigint[]) WITH ORDINALITY "
    "AS asked(inode, version, place) "
    "LEFT JOIN " OUTBOARD_ONE_NODE("v.id", "asked.inode") " n ON true "
    "LEFT JOIN " OUTBOARD_ONE_VERSION(
        "v.id", "n.inode", "CASE WHEN asked.version = 0 THEN n.version ELSE asked.version END")
    " x ON true WHERE v.id = $1::bigint ORDER BY asked.place"};
constexpr Sql kBegin{"content_begin", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"};
constexpr Sql kCommit{"content_commit", "COMMIT"};
constexpr Sql kHead{"content_head",
                    "SELECT head_seq, used_nodes FROM volumes WHERE id = $1::bigint"};
// A part must cost what it holds. The planner, which cannot know how much lies behind a path, would
// rather fetch and sort all of the rest for each part: it is left the index's order alone.
constexpr Sql kInOrder{"content_in_order",
                       "SELECT set_config('enable_sort', 'off', true), "
                       "set_config('enable_bitmapscan', 'off', true)"};
// By path: a directory's path is a prefix of those below it, so parents come first.
constexpr Sql kPart{"content_part",
                    "SELECT d.path, d.parent, d.name, " OUTBOARD_NODE_COLUMNS
                    " FROM dentries d "
                    "JOIN inodes n ON n.volume = d.volume AND n.inode = d.inode "
                    "WHERE d.volume = $1::bigint AND left(d.path, 600) >= left($2::text, 600) "
                    "AND d.path > $2::text ORDER BY left(d.path, 600), d.path LIMIT $3::bigint"};
// The same, below one path: "0" is the character behind "/".
constexpr Sql kPartBelow{
    "content_part_below",
    "SELECT d.path, d.parent, d.name, " OUTBOARD_NODE_COLUMNS
    " FROM dentries d JOIN inodes n ON n.volume = d.volume AND n.inode = d.inode "
    "WHERE d.volume = $1::bigint AND left(d.path, 600) >= left($2::text, 600) "
    "AND d.path > $2::text AND left(d.path, 600) <= left($4::text, 600) AND d.path < $4::text "
    "ORDER BY left(d.path, 600), d.path LIMIT $3::bigint"};
constexpr Sql kAt{"content_at",
                  "SELECT d.path, d.parent, d.name, " OUTBOARD_NODE_COLUMNS
                  " FROM unnest($2::text[]) WITH ORDINALITY AS wanted(path, place) "
                  "JOIN dentries d ON d.volume = $1::bigint "
                  "AND left(d.path, 600) = left(wanted.path, 600) AND d.path = wanted.path "
                  "JOIN inodes n ON n.volume = d.volume AND n.inode = d.inode "
                  "ORDER BY wanted.place"};
// $2 to $4 bound every page of the log; $5, $6 and $7 are whose changes it is asked for.
#define OUTBOARD_HISTORY(of, order)                                                           \
  "SELECT " OUTBOARD_CHANGE_COLUMNS                                                           \
  " FROM changes WHERE volume = $1::bigint AND seq > $2::bigint "                             \
  "AND seq < $3::bigint AND seq > (SELECT pruned_seq FROM volumes WHERE id = $1::bigint) " of \
  "AND ($5::uuid IS NULL OR session = $5::uuid) AND ($6::uuid IS NULL OR op = $6::uuid) "     \
  "AND ($7::text = '' OR principal = $7::text) ORDER BY seq " order " LIMIT $4::bigint"
#define OUTBOARD_HISTORY_OF_NODE(order)                                                           \
  "SELECT " OUTBOARD_CHANGE_COLUMNS                                                               \
  " FROM ((" OUTBOARD_HISTORY("AND inode = $8::bigint ", order) ") UNION ALL (" OUTBOARD_HISTORY( \
      "AND other_inode = $8::bigint ", order) ")) c ORDER BY seq " order " LIMIT $4::bigint"
// By what narrows most: each has an index that gives its changes in order.
constexpr Sql kNewest{"content_newest", OUTBOARD_HISTORY("", "DESC")};
constexpr Sql kOldest{"content_oldest", OUTBOARD_HISTORY("", "ASC")};
constexpr Sql kNewestOfSession{"content_newest_of_session",
                               OUTBOARD_HISTORY("AND session = $5::uuid ", "DESC")};
constexpr Sql kOldestOfSession{"content_oldest_of_session",
                               OUTBOARD_HISTORY("AND session = $5::uuid ", "ASC")};
constexpr Sql kNewestOfOp{"content_newest_of_op", OUTBOARD_HISTORY("AND op = $6::uuid ", "DESC")};
constexpr Sql kOldestOfOp{"content_oldest_of_op", OUTBOARD_HISTORY("AND op = $6::uuid ", "ASC")};
constexpr Sql kNewestOf{"content_newest_of", OUTBOARD_HISTORY_OF_NODE("DESC")};
constexpr Sql kOldestOf{"content_oldest_of", OUTBOARD_HISTORY_OF_NODE("ASC")};
// The newest that took names out of a directory, by the index that has them in order; of these the
// removals. $8 is the directory, $9 how many are looked at, $10 a name.
#define OUTBOARD_REMOVED(named)                                                                  \
  "SELECT " OUTBOARD_CHANGE_COLUMNS                                                              \
  " FROM (SELECT * FROM changes WHERE volume = $1::bigint AND before_parent = $8::bigint " named \
  "AND seq > $2::bigint AND seq < $3::bigint "                                                   \
  "AND seq > (SELECT pruned_seq FROM volumes WHERE id = $1::bigint) "                            \
  "ORDER BY seq DESC LIMIT $9::bigint) c WHERE kind = 2 "                                        \
  "AND ($5::uuid IS NULL OR session = $5::uuid) AND ($6::uuid IS NULL OR op = $6::uuid) "        \
  "AND ($7::text = '' OR principal = $7::text) ORDER BY seq DESC LIMIT $4::bigint"
constexpr Sql kRemoved{"content_removed", OUTBOARD_REMOVED("")};
constexpr Sql kRemovedName{"content_removed_name",
                           OUTBOARD_REMOVED("AND before_name = $10::text ")};
constexpr Sql kVersions{
    "content_versions",
    "SELECT v.head_seq, x.version, x.seq, x.size, x.digest, x.at, x.conflict, x.redacted, "
    "x.principal, x.session, x.turn, x.op, x.epoch, x.generation, x.client, x.number "
    "FROM volumes v LEFT JOIN versions x ON x.volume = v.id AND x.inode = $2::bigint "
    "AND x.seq IS NOT NULL WHERE v.id = $1::bigint ORDER BY x.version DESC"};

Params key(VolumeId volume) {
  Params params;
  params.int8(volume.value);
  return params;
}

// The row of kRead or kReadMany without the bytes, or why there are none.
Result<Content> read_frame(const Rows& rows, std::size_t row, ContentKey asked) {
  if (rows.null(row, 1)) return no_node(asked.inode);
  if (rows.number(row, 1) != static_cast<std::int64_t>(Kind::file)) return no_file(asked.inode);
  if (rows.null(row, 3)) {
    const bool never_written = rows.count(row, 2) == 0 && !asked.version;
    return never_written ? Result<Content>(Content{}) : no_version(asked.inode, asked.version);
  }
  if (rows.flag(row, 6)) {
    return Error{Code::not_found, "the bytes of this version were redacted",
                 to_string(asked.inode)};
  }
  return Content{Version{rows.count(row, 3)}, rows.count(row, 4), {}};
}

}  // namespace

Result<At<Content>> PgStore::read(const Call& call, VolumeId volume, Inode inode, Version version,
                                  std::uint64_t offset, std::size_t size) {
  if (size > kReadBytesMax) {
    return Error{Code::invalid, "a read of " + std::to_string(size) + " bytes, the limit is " +
                                    std::to_string(kReadBytesMax) + ": read in pieces"};
  }
  const auto start = static_cast<std::int32_t>(std::min<std::uint64_t>(offset, kInlineBytesMax));
  auto borrowed = pool_.borrow(call.deadline);
  if (!borrowed) return borrowed.error();
  auto rows = (*borrowed)->run(kRead,
                               key(volume)
                                   .int8(inode.value)
                                   .int8(version.value)
                                   .int4(start)
                                   .int4(static_cast<std::int32_t>(size)),
                               call.deadline);
  if (!rows) return rows.error();
  if (rows->empty()) return no_volume(volume);
  auto content = read_frame(*rows, 0, {inode, version});
  if (!content) return content.error();
  if (rows->flag(0, 5)) {
    auto bytes = read_chunks(**borrowed, volume, inode, content->version, content->size, offset,
                             size, call.deadline);
    if (!bytes) return bytes.error();
    content->bytes = *std::move(bytes);
  } else if (!rows->null(0, 7)) {
    content->bytes = rows->text(0, 7);
  }
  return At<Content>{*std::move(content), Seq{rows->count(0, 0)}};
}

Result<At<std::vector<Result<Content>>>> PgStore::read_many(const Call& call, VolumeId volume,
                                                            const std::vector<ContentKey>& keys) {
  if (keys.size() > kReadManyMax) {
    return Error{Code::invalid, std::to_string(keys.size()) + " files at once, the limit is " +
                                    std::to_string(kReadManyMax) + ": ask in parts"};
  }
  Column inodes(Column::Type::int8);
  Column wanted(Column::Type::int8);
  for (const ContentKey& asked : keys) {
    inodes.add(asked.inode.value);
    wanted.add(asked.version.value);
  }
  auto borrowed = pool_.borrow(call.deadline);
  if (!borrowed) return borrowed.error();
  auto rows = (*borrowed)->run(kReadMany, key(volume).array(inodes).array(wanted), call.deadline);
  if (!rows) return rows.error();
  if (rows->size() != keys.size()) return no_volume(volume);
  At<std::vector<Result<Content>>> answer;
  std::uint64_t left = kBatchBytesMax;
  for (std::size_t row = 0; row < rows->size(); ++row) {
    answer.seq = Seq{rows->count(row, 0)};
    auto content = read_frame(*rows, row, keys[row]);
    if (content && content->size > left) {
      content = Error{Code::too_big, "the files asked for at once are too large together: use read",
                      to_string(keys[row].inode)};
    }
    if (content && rows->flag(row, 5)) {
      auto bytes = read_chunks(**borrowed, volume, keys[row].inode, content->version, content->size,
                               0, content->size, call.deadline);
      if (!bytes) return bytes.error();
      content->bytes = *std::move(bytes);
    } else if (content) {
      content->bytes = rows->text(row, 7);
    }
    if (content) left -= content->bytes.size();
    answer.value.push_back(std::move(content));
  }
  return answer;
}

namespace {

Entry read_part_entry(const Rows& rows, std::size_t row) {
  return Entry{Dentry{Inode{rows.count(row, 1)}, rows.name(row, 2)}, read_node(rows, row, 3).node};
}

// Everything, or what is strictly below `path`.
Status stream_below(Connection& connection, const Call& call, VolumeId volume,
                    const std::string& path, std::uint64_t& budget,
                    const std::function<void(SnapshotPart)>& take) {
  const std::string end = path.empty() ? path : path + "0";
  std::string after = path.empty() ? path : path + "/";
  for (;;) {
    Params params = key(volume);
    params.bytes(after).int8(std::int64_t{kPageEntriesMax});
    if (!path.empty()) params.bytes(end);
    auto rows = connection.run(path.empty() ? kPart : kPartBelow, params, call.deadline);
    if (!rows) return rows.error();
    if (rows->empty()) return success();
    std::vector<Entry> entries;
    entries.reserve(rows->size());
    for (std::size_t row = 0; row < rows->size(); ++row) {
      entries.push_back(read_part_entry(*rows, row));
    }
    after = rows->text(rows->size() - 1, 0);
    const bool last = rows->size() < kPageEntriesMax;
    const auto taken = take_with_bodies(connection, call, volume, std::move(entries), budget, take);
    if (!taken || last) return taken;
  }
}

// The paths themselves and the directories above them, once each, from the top.
Status stream_ways(Connection& connection, const Call& call, VolumeId volume,
                   const std::vector<std::string>& within, std::uint64_t& budget,
                   const std::function<void(SnapshotPart)>& take) {
  std::set<std::string> paths(within.begin(), within.end());
  for (const std::string& path : within) {
    for (std::string_view at = path; at != "/";) {
      at = split_last(at).first;
      paths.emplace(at);
    }
  }
  Column wanted(Column::Type::text);
  for (const std::string& path : paths) wanted.add_name(path);
  auto rows = connection.run(kAt, key(volume).array(wanted), call.deadline);
  if (!rows) return rows.error();
  std::vector<Entry> entries;
  for (std::size_t row = 0; row < rows->size(); ++row) {
    Entry entry = read_part_entry(*rows, row);
    const bool asked = std::binary_search(within.begin(), within.end(), rows->name(row, 0));
    if (asked || entry.node.is(Kind::directory)) entries.push_back(std::move(entry));
  }
  return take_with_bodies(connection, call, volume, std::move(entries), budget, take);
}

// Everything, from what is kept or shared.
Status stream_kept(Connection& connection, const Call& call, VolumeId volume,
                   const std::vector<Entry>& kept, std::uint64_t budget,
                   const std::function<void(SnapshotPart)>& take) {
  for (std::size_t at = 0; at < kept.size(); at += kPageEntriesMax) {
    const auto begin = kept.begin() + static_cast<std::ptrdiff_t>(at);
    const auto size = std::min<std::size_t>(kPageEntriesMax, kept.size() - at);
    auto taken = take_with_bodies(connection, call, volume,
                                  {begin, begin + static_cast<std::ptrdiff_t>(size)}, budget, take);
    if (!taken) return taken;
  }
  return success();
}

// Everything, without bodies; null when it is too much to be kept.
Result<SnapshotCache::Entries> read_all(Connection& connection, VolumeId volume,
                                        const SnapshotCache& cache, const SharedReads::Read& read) {
  std::vector<Entry> seen;
  std::size_t bytes = 0;
  std::uint64_t no_bodies = 0;
  Call call = Call::until(read.until());
  auto streamed = stream_below(connection, call, volume, {}, no_bodies, [&](SnapshotPart part) {
    call.deadline = read.until();  // of the next page: more may wait by now
    for (const Entry& entry : part.entries) bytes += SnapshotCache::bytes_of(entry);
    if (cache.fits(bytes)) {
      std::ranges::move(part.entries, std::back_inserter(seen));
    } else {
      seen = {};
    }
  });
  if (!streamed) return streamed.error();
  if (!cache.fits(bytes)) return SnapshotCache::Entries();
  return SnapshotCache::Entries(std::make_shared<const std::vector<Entry>>(std::move(seen)));
}

// One attempt at a snapshot, in one transaction.
class Attempt {
 public:
  Attempt(const Call& call, VolumeId volume, const SnapshotQuery& query, SnapshotCache& cache,
          SharedReads& reads, const std::function<void(SnapshotPart)>& take)
      : call_(call), volume_(volume), query_(query), cache_(cache), reads_(reads), take_(take) {}

  // The head; nothing is taken when that is before `at_least`, or when there is other().
  Result<Seq> run(ConnectionPool& pool, bool alone) {
    auto borrowed = pool.borrow(call_.deadline);
    if (!borrowed) return borrowed.error();
    Connection& connection = **borrowed;
    auto opened =
        connection.run({{kBegin, {}}, {kHead, key(volume_)}, {kInOrder, {}}}, call_.deadline);
    if (!opened) return opened.error();
    Result<Seq> head = no_volume(volume_);
    const Rows& rows = (*opened)[1];
    if (!rows.empty()) head = Seq{rows.count(0, 0)};
    if (head && *head >= query_.at.at_least) {
      const bool apart = alone || !cache_.fits(rows.count(0, 1) * kUsualEntryBytes);
      auto streamed = query_.within.empty() ? whole(connection, *head, apart) : parts(connection);
      if (!streamed) head = streamed.error();
    }
    auto ended = connection.run(kCommit, {}, call_.deadline);
    if (head && !ended) return ended.error();
    return head;
  }
  // Somebody else's read of the tree at the head, which is to be waited for.
  const std::shared_ptr<SharedReads::Read>& other() const { return other_; }

 private:
  // With a name of common length: a tree that is too large is known by its number of nodes.
  static constexpr std::size_t kUsualEntryBytes = sizeof(Entry) + 32;

  Status whole(Connection& connection, Seq head, bool apart) {
    std::uint64_t budget = query_.bodies_bytes_max;
    if (apart) return stream_below(connection, call_, volume_, {}, budget, take_);
    auto kept = cache_.find(volume_, head);
    if (!kept) {
      const SharedReads::Joined joined = reads_.join(volume_, head, call_.deadline);
      if (!joined.first) {
        other_ = joined.read;
        return success();
      }
      auto read = read_shared(connection, head, *joined.read);
      if (!read) return read.error();
      kept = *std::move(read);
    }
    return kept ? stream_kept(connection, call_, volume_, *kept, budget, take_)
                : stream_below(connection, call_, volume_, {}, budget, take_);
  }

  Result<SnapshotCache::Entries> read_shared(Connection& connection, Seq head,
                                             const SharedReads::Read& read) {
    Result<SnapshotCache::Entries> entries = cache_.find(volume_, head);  // kept meanwhile
    if (!*entries) {
      entries = read_all(connection, volume_, cache_, read);
      if (entries && *entries) cache_.keep(volume_, head, *entries);
    }
    reads_.end(volume_, head, entries);
    return entries;
  }

  Status parts(Connection& connection) {
    std::uint64_t budget = query_.bodies_bytes_max;
    auto streamed = stream_ways(connection, call_, volume_, query_.within, budget, take_);
    for (const std::string& path : query_.within) {
      if (!streamed) return streamed;
      streamed = stream_below(connection, call_, volume_, to_text(path), budget, take_);
    }
    return streamed;
  }

  const Call& call_;
  const VolumeId volume_;
  const SnapshotQuery& query_;
  SnapshotCache& cache_;
  SharedReads& reads_;
  const std::function<void(SnapshotPart)>& take_;
  std::shared_ptr<SharedReads::Read> other_;
};

}  // namespace

Result<Seq> PgStore::snapshot(const Call& call, VolumeId volume, const SnapshotQuery& query,
                              const std::function<void(SnapshotPart)>& take) {
  if (query.at.revision) {
    return Error{Code::unsupported, "published revisions are not built yet: read the head"};
  }
  if (query.at.as_of) {
    auto reached = reach(call, volume, query.at);
    if (!reached) return reached.error();
    auto done = past_.snapshot(call, volume, *query.at.as_of, query, take);
    if (!done) return done.error();
    return *query.at.as_of;
  }
  bool alone = false;
  for (int failed = 0;;) {
    Attempt attempt(call, volume, query, snapshots_, shared_reads_, take);
    auto head = attempt.run(pool_, alone);
    if (!head) return head;
    if (attempt.other()) {
      auto shared = attempt.other()->wait(call.deadline);
      if (shared && *shared) {
        auto sent = send_shared(call, volume, **shared, query.bodies_bytes_max, take);
        if (!sent) return sent.error();
        return head;
      }
      alone = bool(shared);
      if (!shared && ++failed == kSharedReadTries) return shared.error();
      continue;
    }
    if (*head >= query.at.at_least) return head;
    if (!feed_.wait(volume, query.at.at_least, call.deadline)) {
      return Error{Code::timed_out, "the volume is at seq " + to_string(*head) +
                                        " and did not reach " + to_string(query.at.at_least) +
                                        " before the deadline"};
    }
  }
}

// Who waited held no connection. What has been superseded meanwhile has its bodies still, but for
// versions that nobody keeps.
Status PgStore::send_shared(const Call& call, VolumeId volume, const std::vector<Entry>& entries,
                            std::uint64_t bodies_bytes_max,
                            const std::function<void(SnapshotPart)>& take) {
  auto borrowed = pool_.borrow(call.deadline);
  if (!borrowed) return borrowed.error();
  return stream_kept(**borrowed, call, volume, entries, bodies_bytes_max, take);
}

Result<At<std::vector<Change>>> PgStore::history(const Call& call, VolumeId volume,
                                                 const HistoryQuery& query) {
  // The head first: the log below it does not change any more.
  auto head = node_at(call, volume, kRootInode);
  if (!head) return head.error();
  const std::uint64_t bound = head->seq.value + 1;
  Params params = key(volume);
  params.int8(query.after.value)
      .int8(query.before ? std::min(query.before.value, bound) : bound)
      .int8(std::int64_t{query.limit == 0 ? kPageEntriesMax
                                          : std::min(query.limit, kPageEntriesMax)});
  params.uuid(query.session.uuid).uuid(query.op.uuid).bytes(query.principal);
  Sql sql = query.newest_first ? kNewest : kOldest;
  if (query.session) sql = query.newest_first ? kNewestOfSession : kOldestOfSession;
  if (query.op) sql = query.newest_first ? kNewestOfOp : kOldestOfOp;
  if (query.removed_from) {
    params.int8(query.removed_from->value).int8(std::uint64_t{kRemovalsLookedAt});
    if (!query.removed_name.empty()) params.name(query.removed_name);
    sql = query.removed_name.empty() ? kRemoved : kRemovedName;
  } else if (query.node) {
    auto inode = inode_of(call, volume, *query.node);
    if (!inode) return inode.error();
    params.int8(inode->value);
    sql = query.newest_first ? kNewestOf : kOldestOf;
  }
  auto rows = pool_.run(sql, params, call.deadline);
  if (!rows) return rows.error();
  At<std::vector<Change>> answer{{}, head->seq};
  answer.value.reserve(rows->size());
  for (std::size_t row = 0; row < rows->size(); ++row) {
    answer.value.push_back(read_change(*rows, row));
  }
  return answer;
}

Result<At<std::vector<VersionInfo>>> PgStore::versions(const Call& call, VolumeId volume,
                                                       const NodeRef& node) {
  auto inode = inode_of(call, volume, node);
  if (!inode) return inode.error();
  auto found = node_at(call, volume, *inode);
  if (!found) return found.error();
  if (!found->value.is(Kind::file)) return no_file(*inode);
  auto rows = pool_.run(kVersions, key(volume).int8(inode->value), call.deadline);
  if (!rows) return rows.error();
  if (rows->empty()) return no_volume(volume);
  At<std::vector<VersionInfo>> answer{{}, Seq{rows->count(0, 0)}};
  for (std::size_t row = 0; row < rows->size() && !rows->null(row, 1); ++row) {
    answer.value.push_back(VersionInfo{Version{rows->count(row, 1)}, Seq{rows->count(row, 2)},
                                       rows->count(row, 3), rows->digest(row, 4),
                                       read_origin(*rows, row, 8), Timestamp{rows->number(row, 5)},
                                       rows->flag(row, 6), rows->flag(row, 7)});
  }
  return answer;
}

}  // namespace outboard::server
