#include "server/postgres/pg_past.h"

#include <algorithm>
#include <deque>
#include <set>
#include <utility>

#include "core/limits.h"
#include "core/path.h"
#include "core/working_set.h"
#include "server/postgres/node_rows.h"
#include "server/postgres/read_errors.h"
#include "server/postgres/snapshot_bodies.h"

namespace outboard::server {
namespace {

// Every statement begins with these two; $1 is the volume, $2 the seq.
#define OUTBOARD_PAST "SELECT v.head_seq, v.pruned_seq, "
#define OUTBOARD_PAST_FROM " FROM volumes v "

// Goes down from the root; the last step is the node, or where there is nothing.
constexpr Sql kWalk{
    "past_walk",
    "WITH RECURSIVE walk(step, parent, inode) AS (SELECT 0, 0::bigint, 1::bigint "
    "UNION ALL SELECT w.step + 1, w.inode, "
    "outboard.inode_at($1::bigint, w.inode, ($3::text[])[w.step + 1], $2::bigint) "
    "FROM walk w WHERE w.step < cardinality($3::text[]) AND w.inode IS NOT NULL) " OUTBOARD_PAST
    "w.parent, " OUTBOARD_NODE_COLUMNS OUTBOARD_PAST_FROM
    "CROSS JOIN (SELECT * FROM walk ORDER BY step DESC LIMIT 1) w "
    "LEFT JOIN LATERAL outboard.node_at(v.id, w.inode, $2::bigint) n ON true "
    "WHERE v.id = $1::bigint"};
constexpr Sql kNode{"past_node", OUTBOARD_PAST OUTBOARD_NODE_COLUMNS OUTBOARD_PAST_FROM
                    "LEFT JOIN LATERAL outboard.node_at(v.id, $3::bigint, $2::bigint) n ON true "
                    "WHERE v.id = $1::bigint"};
#define OUTBOARD_PAST_PARENT \
  "LEFT JOIN LATERAL outboard.node_at(v.id, $3::bigint, $2::bigint) p ON true "
constexpr Sql kInDirectory{
    "past_in_directory", OUTBOARD_PAST
    "p.kind, p.links, " OUTBOARD_NODE_COLUMNS OUTBOARD_PAST_FROM OUTBOARD_PAST_PARENT
    "LEFT JOIN LATERAL (SELECT outboard.inode_at(v.id, $3::bigint, $4::text, $2::bigint) AS inode) "
    "d ON true LEFT JOIN LATERAL outboard.node_at(v.id, d.inode, $2::bigint) n ON true "
    "WHERE v.id = $1::bigint"};
constexpr Sql kPage{
    "past_page", OUTBOARD_PAST
    "p.kind, p.links, n.name, " OUTBOARD_NODE_COLUMNS OUTBOARD_PAST_FROM OUTBOARD_PAST_PARENT
    "LEFT JOIN LATERAL outboard.entries_at(v.id, $3::bigint, $4::text, $5::bigint, $2::bigint) n "
    "ON true WHERE v.id = $1::bigint ORDER BY n.name COLLATE \"C\""};
// What they are, under an empty name, and what those were that have changed since.
constexpr Sql kXattrs{
    "past_xattrs", OUTBOARD_PAST
    "n.inode, x.name, x.value, x.lost" OUTBOARD_PAST_FROM
    "LEFT JOIN LATERAL outboard.node_at(v.id, $3::bigint, $2::bigint) n ON true "
    "LEFT JOIN LATERAL (SELECT ''::bytea AS name, i.xattrs AS value, 0::smallint AS lost "
    "FROM inodes i WHERE i.volume = v.id AND i.inode = n.inode UNION ALL "
    "SELECT f.name, f.value, f.lost FROM outboard.former_xattrs(v.id, n.inode, $2::bigint) f) x "
    "ON true WHERE v.id = $1::bigint ORDER BY x.name"};
// Upwards: which names led to a node then is asked of those that lead to it now and of those that
// it has lost since. Of nodes that had no name the path at their last change up to then.
constexpr Sql kPathsOf{
    "past_paths_of",
    "WITH RECURSIVE up(place, inode, path) AS (SELECT a.place, a.inode, ''::text COLLATE \"C\" "
    "FROM unnest($3::bigint[]) WITH ORDINALITY AS a(inode, place) UNION ALL "
    "SELECT u.place, n.parent, ('/' || n.name || u.path) COLLATE \"C\" FROM up u CROSS JOIN "
    "LATERAL "
    "(SELECT DISTINCT c.parent, c.name FROM ("
    "SELECT d.parent, d.name FROM dentries d WHERE d.volume = $1::bigint AND d.inode = u.inode "
    "UNION ALL SELECT m.before_parent, m.before_name FROM changes m WHERE m.volume = $1::bigint "
    "AND m.inode = u.inode AND m.seq > $2::bigint AND m.before_parent IS NOT NULL "
    "UNION ALL SELECT o.after_parent, o.after_name FROM changes o WHERE o.volume = $1::bigint "
    "AND o.other_inode = u.inode AND o.seq > $2::bigint) c "
    "WHERE outboard.inode_at($1::bigint, c.parent, c.name, $2::bigint) = u.inode "
    "LIMIT $4::bigint) n WHERE u.inode <> 1) " OUTBOARD_PAST
    "a.place, coalesce(CASE WHEN u.path = '' THEN '/' ELSE u.path END, "
    "last.path)" OUTBOARD_PAST_FROM
    "CROSS JOIN unnest($3::bigint[]) WITH ORDINALITY AS a(inode, place) "
    "LEFT JOIN up u ON u.place = a.place AND u.inode = 1 "
    "LEFT JOIN LATERAL (SELECT c.path FROM changes c WHERE u.path IS NULL AND c.volume = v.id "
    "AND c.inode = a.inode AND c.seq <= $2::bigint ORDER BY c.seq DESC LIMIT 1) last ON true "
    "WHERE v.id = $1::bigint"};
constexpr Sql kBegin{"past_begin", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"};
constexpr Sql kCommit{"past_commit", "COMMIT"};
// The next names of several directories at once.
constexpr Sql kLevel{
    "past_level",
    "SELECT a.place, n.name, " OUTBOARD_NODE_COLUMNS
    " FROM unnest($3::bigint[], $4::text[]) WITH ORDINALITY AS a(directory, after, place) "
    "CROSS JOIN LATERAL outboard.entries_at($1::bigint, a.directory, a.after, $5::bigint, "
    "$2::bigint) n ORDER BY a.place, n.name COLLATE \"C\""};

// One name in each of several directories; where there was nothing, no row.
constexpr Sql kNames{
    "past_names",
    "SELECT a.place, " OUTBOARD_NODE_COLUMNS
    " FROM unnest($3::bigint[], $4::text[]) WITH ORDINALITY AS a(directory, name, place) "
    "CROSS JOIN LATERAL outboard.node_at($1::bigint, outboard.inode_at($1::bigint, a.directory, "
    "a.name, $2::bigint), $2::bigint) n ORDER BY a.place"};

Params key(VolumeId volume, Seq seq) {
  Params params;
  params.int8(volume.value).int8(seq.value);
  return params;
}

// The refusal that the first two columns call for.
std::optional<Error> refusal(const Rows& rows, VolumeId volume, Seq seq) {
  if (rows.empty()) return no_volume(volume);
  if (seq.value >= rows.count(0, 1)) return std::nullopt;
  return Error{Code::history_gone,
               "the log begins behind seq " + std::to_string(rows.count(0, 1)) +
                   ", not as far back as " + to_string(seq) +
                   ": what was before is no longer known",
               to_string(seq)};
}

// The kind and links of a directory's columns: nothing when it was one, and there.
std::optional<Error> no_directory(const Rows& rows, int first, Inode inode) {
  if (rows.null(0, first) || rows.number(0, first + 1) == 0) return no_node(inode);
  if (rows.number(0, first) == static_cast<std::int64_t>(Kind::directory)) return std::nullopt;
  return Error{Code::not_directory, "node " + to_string(inode) + " is no directory",
               to_string(inode)};
}

}  // namespace

Result<At<Entry>> PgPast::entry_at_path(const Call& call, VolumeId volume, const std::string& path,
                                        Seq seq) {
  Column names(Column::Type::text);
  std::string_view last;
  for (const std::string_view name : components_of(path)) {
    names.add_name(name);
    last = name;
  }
  auto rows = pool_.run(kWalk, key(volume, seq).array(names), call.deadline);
  if (!rows) return rows.error();
  if (auto error = refusal(*rows, volume, seq)) return *error;
  const Inode parent{rows->count(0, 2)};
  if (!rows->null(0, 3)) {
    return At<Entry>{Entry{Dentry{parent, std::string(last)}, read_node(*rows, 0, 3).node}, seq};
  }
  auto above = node(call, volume, parent, seq);
  if (above && !above->value.is(Kind::directory)) {
    return Error{Code::not_directory, path + " goes through something that was no directory", path};
  }
  return Error{Code::not_found, "there was nothing at " + path + " as of seq " + to_string(seq),
               path};
}

Result<At<Entry>> PgPast::entry_in(const Call& call, VolumeId volume, Inode parent,
                                   const std::string& name, Seq seq) {
  auto rows =
      pool_.run(kInDirectory, key(volume, seq).int8(parent.value).name(name), call.deadline);
  if (!rows) return rows.error();
  if (auto error = refusal(*rows, volume, seq)) return *error;
  if (auto error = no_directory(*rows, 2, parent)) return *error;
  if (rows->null(0, 4)) return no_name(name);
  return At<Entry>{Entry{Dentry{parent, name}, read_node(*rows, 0, 4).node}, seq};
}

Result<At<Node>> PgPast::node(const Call& call, VolumeId volume, Inode inode, Seq seq) {
  auto rows = pool_.run(kNode, key(volume, seq).int8(inode.value), call.deadline);
  if (!rows) return rows.error();
  if (auto error = refusal(*rows, volume, seq)) return *error;
  if (rows->null(0, 2)) return no_node(inode);
  return At<Node>{read_node(*rows, 0, 2).node, seq};
}

Result<At<Xattrs>> PgPast::xattrs(const Call& call, VolumeId volume, Inode inode, Seq seq) {
  auto rows = pool_.run(kXattrs, key(volume, seq).int8(inode.value), call.deadline);
  if (!rows) return rows.error();
  if (auto error = refusal(*rows, volume, seq)) return *error;
  if (rows->null(0, 2)) return no_node(inode);
  At<Xattrs> answer{{}, seq};
  for (std::size_t row = 0; row < rows->size() && !rows->null(row, 3); ++row) {
    const auto lost = static_cast<Lost>(rows->number(row, 5));
    if (lost != Lost::nothing) return lost_xattr(inode, seq, lost);
    const std::string name = rows->text(row, 3);
    if (name.empty()) {  // the first
      answer.value = read_xattrs(rows->bytes(row, 4));
    } else if (rows->null(row, 4)) {
      answer.value.erase(name);
    } else {
      answer.value[name] = rows->text(row, 4);
    }
  }
  return answer;
}

Result<At<Page>> PgPast::page(const Call& call, VolumeId volume, Inode directory,
                              std::string_view after, std::uint32_t limit, Seq seq) {
  const std::uint32_t most = limit == 0 ? kPageEntriesMax : std::min(limit, kPageEntriesMax);
  // One more than asked for tells whether there is a next page.
  auto rows = pool_.run(
      kPage, key(volume, seq).int8(directory.value).name(after).int8(std::int64_t{most} + 1),
      call.deadline);
  if (!rows) return rows.error();
  if (auto error = refusal(*rows, volume, seq)) return *error;
  if (auto error = no_directory(*rows, 2, directory)) return *error;
  At<Page> answer{{}, seq};
  if (rows->null(0, 4)) return answer;
  for (std::size_t row = 0; row < std::min<std::size_t>(rows->size(), most); ++row) {
    answer.value.entries.push_back(
        Entry{Dentry{directory, rows->name(row, 4)}, read_node(*rows, row, 5).node});
  }
  if (rows->size() > most) answer.value.next = answer.value.entries.back().dentry.name;
  return answer;
}

Result<At<std::vector<std::vector<std::string>>>> PgPast::paths(const Call& call, VolumeId volume,
                                                                const std::vector<Inode>& inodes,
                                                                Seq seq) {
  At<std::vector<std::vector<std::string>>> answer{{}, seq};
  answer.value.resize(inodes.size());
  if (inodes.empty()) return answer;
  Column wanted(Column::Type::int8);
  for (const Inode inode : inodes) wanted.add(inode.value);
  auto rows = pool_.run(
      kPathsOf, key(volume, seq).array(wanted).int8(static_cast<std::uint64_t>(kPathsOfNodeMax)),
      call.deadline);
  if (!rows) return rows.error();
  if (auto error = refusal(*rows, volume, seq)) return *error;
  for (std::size_t row = 0; row < rows->size(); ++row) {
    if (rows->null(row, 3)) continue;
    answer.value[rows->count(row, 2) - 1].push_back(rows->name(row, 3));
  }
  return answer;
}

// ── Whole trees ──────────────────────────────────────────────────────────────────────────────────

namespace {

// A directory whose names behind `after` are still to be read.
struct Waiting {
  Inode directory;
  std::string after;
};

// A directory above the paths that are asked for, and what is wanted below it.
struct Way {
  Inode directory;
  std::string path;
};

// One snapshot on its way, in one transaction. What is not asked for is not looked at: from the
// root it follows the names that lead to the paths, and reads on from those.
class Descent {
 public:
  Descent(Connection& connection, const Call& call, VolumeId volume, Seq seq,
          const SnapshotQuery& query, const std::function<void(SnapshotPart)>& take)
      : connection_(connection),
        call_(call),
        volume_(volume),
        seq_(seq),
        within_(query.within),
        budget_(query.bodies_bytes_max),
        take_(take) {}

  Status run() {
    auto root = connection_.run(kNode, key(volume_, seq_).int8(kRootInode.value), call_.deadline);
    if (!root) return root.error();
    if (auto error = refusal(*root, volume_, seq_)) return *error;
    arrive(Entry{Dentry{}, read_node(*root, 0, 2).node}, "/");
    while (!ways_.empty()) {
      if (auto done = next_ways(); !done) return done;
    }
    while (!waiting_.empty()) {
      if (auto done = next_level(); !done) return done;
    }
    return flush();
  }

 private:
  // A directory or a path that was asked for has been reached.
  void arrive(Entry entry, std::string path) {
    const bool asked = within_.empty() ||
                       std::any_of(within_.begin(), within_.end(),
                                   [&](const std::string& one) { return is_within(path, one); });
    const bool directory = entry.node.is(Kind::directory);
    if (!asked && !directory) return;
    if (directory && asked) waiting_.push_back(Waiting{entry.node.inode, {}});
    if (directory && !asked) ways_.push_back(Way{entry.node.inode, std::move(path)});
    entries_.push_back(std::move(entry));
  }

  // One step further on all ways.
  Status next_ways() {
    Column directories(Column::Type::int8);
    Column names(Column::Type::text);
    std::vector<std::pair<Inode, std::string>> asked;  // by place: the directory, the path
    for (const Way& way : std::exchange(ways_, {})) {
      std::set<std::string> next;
      for (const std::string& path : within_) {
        if (!is_within(path, way.path)) continue;
        const std::size_t from = way.path == "/" ? 1 : way.path.size() + 1;
        next.insert(path.substr(from, path.find('/', from) - from));
      }
      for (const std::string& name : next) {
        directories.add(way.directory.value);
        names.add_name(name);
        asked.emplace_back(way.directory, join(way.path, name));
      }
    }
    auto rows =
        connection_.run(kNames, key(volume_, seq_).array(directories).array(names), call_.deadline);
    if (!rows) return rows.error();
    for (std::size_t row = 0; row < rows->size(); ++row) {
      auto& [directory, path] = asked[rows->count(row, 0) - 1];
      arrive(Entry{Dentry{directory, std::string(split_last(path).second)},
                   read_node(*rows, row, 1).node},
             path);
    }
    return success();
  }

  Status next_level() {
    const std::size_t count = std::min(waiting_.size(), kPastDirectoriesMax);
    const std::size_t names_max = kPastNamesMax / count;
    const std::vector<Waiting> asked(waiting_.begin(),
                                     waiting_.begin() + static_cast<std::ptrdiff_t>(count));
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
    Column directories(Column::Type::int8);
    Column afters(Column::Type::text);
    for (const Waiting& one : asked) {
      directories.add(one.directory.value);
      afters.add_name(one.after);
    }
    auto rows = connection_.run(kLevel,
                                key(volume_, seq_)
                                    .array(directories)
                                    .array(afters)
                                    .int8(static_cast<std::uint64_t>(names_max)),
                                call_.deadline);
    if (!rows) return rows.error();
    std::vector<std::size_t> read(count, 0);
    for (std::size_t row = 0; row < rows->size(); ++row) {
      const std::size_t place = rows->count(row, 0) - 1;
      Entry entry{Dentry{asked[place].directory, rows->name(row, 1)},
                  read_node(*rows, row, 2).node};
      if (entry.node.is(Kind::directory)) waiting_.push_back(Waiting{entry.node.inode, {}});
      if (++read[place] == names_max) {
        waiting_.push_front(Waiting{asked[place].directory, entry.dentry.name});
      }
      entries_.push_back(std::move(entry));
      if (entries_.size() < kPageEntriesMax) continue;
      if (auto done = flush(); !done) return done;
    }
    return success();
  }

  Status flush() {
    if (entries_.empty()) return success();
    return take_with_bodies(connection_, call_, volume_, std::exchange(entries_, {}), budget_,
                            take_);
  }

  Connection& connection_;
  const Call& call_;
  const VolumeId volume_;
  const Seq seq_;
  const std::vector<std::string>& within_;
  std::uint64_t budget_;
  const std::function<void(SnapshotPart)>& take_;
  std::vector<Way> ways_;
  std::deque<Waiting> waiting_;
  std::vector<Entry> entries_;
};

}  // namespace

Status PgPast::snapshot(const Call& call, VolumeId volume, Seq seq, const SnapshotQuery& query,
                        const std::function<void(SnapshotPart)>& take) {
  auto borrowed = pool_.borrow(call.deadline);
  if (!borrowed) return borrowed.error();
  Connection& connection = **borrowed;
  if (auto begun = connection.run(kBegin, {}, call.deadline); !begun) return begun.error();
  auto done = Descent(connection, call, volume, seq, query, take).run();
  auto ended = connection.run(kCommit, {}, call.deadline);
  if (done && !ended) return ended.error();
  return done;
}

}  // namespace outboard::server
