#include "server/postgres/search_indexer.h"

#include <pthread.h>

#include <optional>

#include "core/entry.h"
#include "core/limits.h"
#include "core/log.h"
#include "core/text_search.h"
#include "server/postgres/gram_hash.h"
#include "server/postgres/search_texts.h"

namespace outboard::server {
namespace {

constexpr Sql kBegin{"index_begin", "BEGIN"};
constexpr Sql kCommit{"index_commit", "COMMIT"};
constexpr Sql kRollback{"index_rollback", "ROLLBACK"};
// The first number is ours among those who use advisory locks.
constexpr Sql kLock{"index_lock",
                    "SELECT pg_try_advisory_xact_lock(1935763564, hashint8($1::bigint))"};
constexpr Sql kState{"index_state",
                     "SELECT v.head_seq, v.pruned_seq, s.indexed_seq, s.built_inode "
                     "FROM volumes v LEFT JOIN search_volumes s ON s.volume = v.id "
                     "WHERE v.id = $1::bigint"};
constexpr Sql kNodes{"index_nodes",
                     "SELECT inode, version, size, kind, links FROM inodes "
                     "WHERE volume = $1::bigint AND inode > $2::bigint ORDER BY inode LIMIT $3"};
constexpr Sql kChanged{
    "index_changed",
    "WITH log AS (SELECT seq, inode FROM changes WHERE volume = $1::bigint AND seq > $2::bigint "
    "ORDER BY seq LIMIT $3) "
    "SELECT n.inode, n.version, n.size, n.kind, n.links, (SELECT max(seq) FROM log) "
    "FROM (SELECT DISTINCT inode FROM log) AS changed "
    "JOIN inodes n ON n.volume = $1::bigint AND n.inode = changed.inode"};
constexpr Sql kDrop{"index_drop",
                    "DELETE FROM search_files WHERE volume = $1::bigint "
                    "AND inode = ANY($2::bigint[])"};
constexpr Sql kPut{"index_put",
                   "INSERT INTO search_files (volume, inode, grams) "
                   "SELECT $1::bigint, inode, grams::int[] FROM "
                   "unnest($2::bigint[], $3::text[]) AS t(inode, grams) "
                   "ON CONFLICT (volume, inode) DO UPDATE SET grams = excluded.grams"};
constexpr Sql kReached{"index_reached",
                       "INSERT INTO search_volumes (volume, indexed_seq, built_inode) "
                       "VALUES ($1::bigint, $2::bigint, $3::bigint) ON CONFLICT (volume) "
                       "DO UPDATE SET indexed_seq = excluded.indexed_seq, "
                       "built_inode = excluded.built_inode"};
constexpr Sql kSettle{"index_settle", "SELECT gin_clean_pending_list('search_files_by_gram')"};

Moment soon() {
  return std::chrono::steady_clock::now() + kReadDeadline;
}

Params key(VolumeId volume) {
  Params params;
  params.int8(volume.value);
  return params;
}

// How far an index is.
struct Reached {
  std::uint64_t seq = 0;
  std::optional<std::uint64_t> built;  // unset: it is built
};

}  // namespace

// One step, within an open transaction.
class IndexStep {
 public:
  IndexStep(Connection& connection, GramCollector& collector, VolumeId volume)
      : connection_(connection), collector_(collector), volume_(volume) {}

  Result<bool> run() {
    auto opened =
        connection_.run({{kBegin, {}}, {kLock, key(volume_)}, {kState, key(volume_)}}, soon());
    if (!opened) return opened.error();
    const Rows& state = (*opened)[2];
    if (!(*opened)[1].flag(0, 0) || state.empty()) return false;
    const bool known = !state.null(0, 2);
    const bool building = known && !state.null(0, 3);
    // What was pruned from the log can no longer be followed: from the beginning.
    const bool afresh = !known || (!building && state.count(0, 1) > state.count(0, 2));
    if (afresh) return build(Reached{state.count(0, 0), 0});
    if (building) return build(Reached{state.count(0, 2), state.count(0, 3)});
    if (state.count(0, 2) >= state.count(0, 0)) return false;
    return follow(Reached{state.count(0, 2), {}});
  }

 private:
  Result<bool> build(Reached reached) {
    auto rows = nodes(kNodes, *reached.built);
    if (!rows) return rows.error();
    if (auto done = index(*rows); !done) return done.error();
    if (rows->size() < kIndexStepFiles) reached.built.reset();
    if (reached.built) reached.built = rows->count(rows->size() - 1, 0);
    if (auto done = keep(reached); !done) return done.error();
    return true;
  }

  Result<bool> follow(Reached reached) {
    auto rows = nodes(kChanged, reached.seq);
    if (!rows) return rows.error();
    if (rows->empty()) return false;
    if (auto done = index(*rows); !done) return done.error();
    reached.seq = rows->count(0, 5);
    if (auto done = keep(reached); !done) return done.error();
    return true;
  }

  Result<Rows> nodes(const Sql& sql, std::uint64_t behind) {
    return connection_.run(sql, key(volume_).int8(behind).int8(std::int64_t{kIndexStepFiles}),
                           soon());
  }

  Status keep(const Reached& reached) {
    Params params = key(volume_);
    params.int8(reached.seq);
    if (reached.built) params.int8(*reached.built);
    if (!reached.built) params.null();
    auto done = connection_.run(kReached, params, soon());
    return done ? success() : Status(done.error());
  }

  // Replaces what is known of these nodes.
  Status index(const Rows& rows) {
    std::vector<SearchCandidate> files;
    Column all(Column::Type::int8);
    for (std::size_t row = 0; row < rows.size(); ++row) {
      all.add(rows.count(row, 0));
      const std::uint64_t size = rows.count(row, 2);
      const bool file = rows.number(row, 3) == static_cast<std::int64_t>(Kind::file);
      if (!file || rows.count(row, 4) == 0 || size == 0 || size > kSearchFileBytesMax) continue;
      files.push_back({"", Inode{rows.count(row, 0)}, Version{rows.count(row, 1)}, size});
    }
    Column inodes(Column::Type::int8);
    Column grams(Column::Type::text);
    const TextTaker take{[&](const SearchCandidate& file, std::string_view text) {
                           if (is_binary(text)) return true;
                           std::vector<Gram> found = collector_.collect(text);
                           if (found.size() > kSearchGramsMax) found = {kAnyGram};
                           inodes.add(file.inode.value);
                           grams.add_bytes(gram_array(volume_, found));
                           return true;
                         },
                         [](const SearchCandidate&) {},
                         [](const SearchCandidate&) { return false; }};
    auto read = read_texts(connection_, volume_, files, take, soon());
    if (!read) return read.error();
    auto done = connection_.run(
        {{kDrop, key(volume_).array(all)}, {kPut, key(volume_).array(inodes).array(grams)}},
        soon());
    return done ? success() : Status(done.error());
  }

  Connection& connection_;
  GramCollector& collector_;
  const VolumeId volume_;
};

Result<bool> SearchIndexer::step(Connection& connection, GramCollector& collector,
                                 VolumeId volume) {
  auto more = IndexStep(connection, collector, volume).run();
  auto ended = connection.run(more ? kCommit : kRollback, {}, soon());
  if (more && !ended) return ended.error();
  return more;
}

SearchIndexer::SearchIndexer(std::string url) : url_(std::move(url)) {
  thread_ = std::thread([this] { run(); });
}

SearchIndexer::~SearchIndexer() {
  {
    Lock lock(mutex_);
    wishes_.stopping = true;
  }
  wished_.notify_all();
  thread_.join();
}

void SearchIndexer::want(VolumeId volume) {
  {
    Lock lock(mutex_);
    wishes_.volumes.insert(volume);
  }
  wished_.notify_all();
}

bool SearchIndexer::next(VolumeId& volume) {
  Lock lock(mutex_);
  while (!wishes_.stopping && wishes_.volumes.empty()) wished_.wait(mutex_);
  if (wishes_.stopping) return false;
  // Behind the last one, so that a long build does not hold up the others.
  auto chosen = wishes_.volumes.upper_bound(volume);
  if (chosen == wishes_.volumes.end()) chosen = wishes_.volumes.begin();
  volume = *chosen;
  wishes_.volumes.erase(chosen);
  return true;
}

Result<bool> SearchIndexer::step(VolumeId volume) {
  if (!connection_ || connection_->broken()) {
    // A step lost in a crash is made again: its commit need not wait for the disk.
    auto opened = Connection::open(url_, soon(),
                                   {"application_name=outboard-indexer", "jit=off",
                                    "synchronous_commit=off", "enable_seqscan=off",
                                    // Many rows' grams are sorted into the index together.
                                    "work_mem=64MB", "gin_pending_list_limit=32768"});
    if (!opened) return opened.error();
    connection_ = *std::move(opened);
  }
  return step(*connection_, collector_, volume);
}

// What waits to be sorted into the index is looked through by every search: it goes in when the
// volume is done.
Status SearchIndexer::settle() {
  auto done = connection_->run(kSettle, {}, std::chrono::steady_clock::now() + kReadStatementMax);
  return done ? success() : Status(done.error());
}

void SearchIndexer::run() {
  pthread_setname_np(pthread_self(), "search-index");
  VolumeId volume;
  while (next(volume)) {
    auto more = step(volume);
    if (more && *more) {
      want(volume);
      continue;
    }
    if (more) {
      if (auto settled = settle(); !settled) more = settled.error();
    }
    // Not tried again by itself: the next search asks for it.
    if (!more) {
      log(Severity::warning, "the search index was not brought up to date",
          {{"volume", to_string(volume)}, {"reason", more.error().message}});
    }
  }
}

}  // namespace outboard::server
