#include "server/postgres/pg_store.h"

#include <algorithm>

#include "core/limits.h"
#include "core/mount_acks.h"
#include "core/path.h"
#include "server/postgres/node_rows.h"
#include "server/postgres/read_errors.h"
#include "server/postgres/volume_rows.h"

namespace outboard::server {
namespace {

constexpr Sql kOpen{"store_open", "SELECT " OUTBOARD_VOLUME_COLUMNS
                                  " FROM volumes v "
                                  "JOIN organisations o ON o.id = v.organisation "
                                  "WHERE o.name = $1::text AND v.name = $2::text"};
constexpr Sql kDescribe{"store_describe",
                        "SELECT " OUTBOARD_VOLUME_COLUMNS
                        " FROM volumes v "
                        "JOIN organisations o ON o.id = v.organisation WHERE v.id = $1::bigint"};
#define OUTBOARD_ENTRY "v.head_seq, d.parent, d.name, " OUTBOARD_NODE_COLUMNS " "
#define OUTBOARD_ENTRY_NODE "LEFT JOIN " OUTBOARD_ONE_NODE("v.id", "d.inode") " n ON true "
constexpr Sql kAtPath{"store_at_path",
                      "SELECT " OUTBOARD_ENTRY
                      "FROM volumes v LEFT JOIN dentries d "
                      "ON d.volume = v.id AND left(d.path, 600) = left($2::text, 600) "
                      "AND d.path = $2::text " OUTBOARD_ENTRY_NODE "WHERE v.id = $1::bigint"};
constexpr Sql kInDirectory{"store_in_directory",
                           "SELECT " OUTBOARD_ENTRY
                           ", p.kind, p.links FROM volumes v "
                           "LEFT JOIN inodes p ON p.volume = v.id AND p.inode = $2::bigint "
                           "LEFT JOIN dentries d ON d.volume = v.id AND d.parent = $2::bigint "
                           "AND d.name = $3::text " OUTBOARD_ENTRY_NODE "WHERE v.id = $1::bigint"};
// Whether anything but a directory stands above a path.
constexpr Sql kBlocked{"store_blocked",
                       "SELECT d.path FROM unnest($2::text[]) AS above(path) "
                       "JOIN " OUTBOARD_ONE_PATH("$1::bigint", "above.path") " d ON true "
                       "JOIN " OUTBOARD_ONE_NODE("$1::bigint", "d.inode") " n ON n.kind <> 1 "
                       "LIMIT 1"};
constexpr Sql kNode{"store_node", "SELECT v.head_seq, " OUTBOARD_NODE_COLUMNS
                                  " FROM volumes v "
                                  "LEFT JOIN inodes n ON n.volume = v.id AND n.inode = $2::bigint "
                                  "WHERE v.id = $1::bigint"};
constexpr Sql kList{"store_list",
                    "SELECT " OUTBOARD_ENTRY
                    ", p.kind, p.links FROM volumes v "
                    "LEFT JOIN inodes p ON p.volume = v.id AND p.inode = $2::bigint "
                    "LEFT JOIN LATERAL (SELECT e.parent, e.name, e.inode FROM dentries e "
                    "WHERE e.volume = v.id AND e.parent = $2::bigint AND e.name > $3::text "
                    "ORDER BY e.name LIMIT $4::bigint) d ON true " OUTBOARD_ENTRY_NODE
                    "WHERE v.id = $1::bigint ORDER BY d.name"};
constexpr Sql kXattrs{"store_xattrs",
                      "SELECT v.head_seq, n.inode, n.xattrs FROM volumes v "
                      "LEFT JOIN inodes n ON n.volume = v.id AND n.inode = $2::bigint "
                      "WHERE v.id = $1::bigint"};
// Of nodes without a name the path at their last change.
constexpr Sql kPathsOf{
    "store_paths_of",
    "SELECT v.head_seq, asked.place, coalesce(named.path, last.path) FROM volumes v "
    "CROSS JOIN unnest($2::bigint[]) WITH ORDINALITY AS asked(inode, place) "
    "LEFT JOIN LATERAL (SELECT d.path FROM dentries d WHERE d.volume = v.id "
    "AND d.inode = asked.inode LIMIT $3::bigint) named ON true "
    "LEFT JOIN LATERAL (SELECT c.path FROM changes c WHERE named.path IS NULL "
    "AND c.volume = v.id AND c.inode = asked.inode ORDER BY c.seq DESC LIMIT 1) last ON true "
    "WHERE v.id = $1::bigint"};
constexpr int kAfterEntry = 3 + kNodeColumns;

Params key(VolumeId volume) {
  Params params;
  params.int8(volume.value);
  return params;
}

Entry read_entry(const Rows& rows, std::size_t row) {
  return Entry{Dentry{Inode{rows.count(row, 1)}, rows.name(row, 2)}, read_node(rows, row, 3).node};
}

// The columns p.kind and p.links: nothing when they are those of a directory that is there.
std::optional<Error> no_directory(const Rows& rows, Inode inode) {
  if (rows.null(0, kAfterEntry) || rows.number(0, kAfterEntry + 1) == 0) return no_node(inode);
  if (rows.number(0, kAfterEntry) == static_cast<std::int64_t>(Kind::directory)) return {};
  return Error{Code::not_directory, "node " + to_string(inode) + " is no directory",
               to_string(inode)};
}

}  // namespace

Result<Volume> PgStore::open_volume(const Call& call, std::string_view name) {
  const std::size_t slash = name.find('/');
  const Error none{Code::not_found,
                   "there is no volume \"" + std::string(name) +
                       "\": names are organisation/volume, as in acme/skills",
                   std::string(name)};
  if (slash == std::string_view::npos || !is_text(name)) return none;
  auto rows = pool_.run(kOpen, Params().bytes(name.substr(0, slash)).bytes(name.substr(slash + 1)),
                        call.deadline);
  if (!rows) return rows.error();
  if (rows->empty()) return none;
  return read_volume(*rows, 0);
}

Result<Volume> PgStore::describe(const Call& call, VolumeId volume) {
  auto rows = pool_.run(kDescribe, key(volume), call.deadline);
  if (!rows) return rows.error();
  if (rows->empty()) return no_volume(volume);
  return read_volume(*rows, 0);
}

// A server that has not committed to the volume, or was told that settings have changed, looks.
Status PgStore::know_strict(const Call& call, VolumeId volume) {
  MountAcks& acks = feed_.acks();
  const std::uint64_t looks = acks.looks();
  if (acks.knows(volume)) return success();
  auto described = describe(call, volume);
  if (!described) return std::move(described).error();
  acks.learn_strict(volume, described->strict, looks);
  return success();
}

Result<Applied> PgStore::apply(const Call& call, VolumeId volume, const Batch& batch) {
  if (auto good = check_batch(batch); !good) return good.error();
  if (auto known = know_strict(call, volume); !known) return known.error();
  const auto turn = strict_.enter(volume, PgStrict::Waiting::publish);
  if (!turn) return turn.error();
  auto applied = committer_.apply(call, volume, batch);
  if (applied) strict_.settle(volume, applied->last, Moment::max());
  return applied;
}

Status PgStore::settle(const Call& call, VolumeId volume, Seq seq) {
  if (auto known = know_strict(call, volume); !known) return known;
  const auto turn = strict_.enter(volume, PgStrict::Waiting::read);
  if (!turn) return turn.error();
  if (strict_.settle(volume, seq, call.deadline)) return success();
  return not_settled(seq);
}

void PgStore::submit(const Call& call, VolumeId volume, Batch batch, ApplyDone done) {
  if (auto known = know_strict(call, volume); !known) return done(known.error());
  if (strict_.waits_on(volume)) return done(apply(call, volume, batch));
  if (auto good = check_batch(batch); !good) return done(good.error());
  committer_.submit(call, volume, std::move(batch), std::move(done));
}

// The head first: an answer, also "not found", from before at_least is none.
Status PgStore::reach(const Call& call, VolumeId volume, const ReadAt& at) {
  if (at.revision) {
    return Error{Code::unsupported, "published revisions are not built yet: read the head",
                 *at.revision};
  }
  const Seq least = std::max(at.at_least, at.as_of.value_or(Seq{}));
  while (least) {
    auto root = node_at(call, volume, kRootInode);
    if (!root) return root.error();
    if (root->seq >= least) return success();
    if (!feed_.wait(volume, least, call.deadline)) {
      return Error{Code::timed_out, "the volume is at seq " + to_string(root->seq) +
                                        " and did not reach " + to_string(least) +
                                        " before the deadline"};
    }
  }
  return success();
}

template <class T, class F>
Result<At<T>> PgStore::answer_at(const Call& call, VolumeId volume, const ReadAt& at, F&& once) {
  if (auto reached = reach(call, volume, at); !reached) return reached.error();
  return once();
}

Result<At<Entry>> PgStore::lookup(const Call& call, VolumeId volume, const NameRef& name,
                                  const ReadAt& at) {
  return answer_at<Entry>(call, volume, at, [&]() -> Result<At<Entry>> {
    if (auto good = check_name(name.name); !good) return good.error();
    if (const auto* path = std::get_if<std::string>(&name.parent)) {
      if (auto good = check_path(*path); !good) return good.error();
      const std::string whole = join(*path, name.name);
      if (at.as_of) return past_.entry_at_path(call, volume, whole, *at.as_of);
      return entry_at_path(call, volume, whole);
    }
    const Inode parent = std::get<Inode>(name.parent);
    if (at.as_of) return past_.entry_in(call, volume, parent, name.name, *at.as_of);
    return entry_in(call, volume, parent, name.name);
  });
}

Result<At<Entry>> PgStore::entry_at_path(const Call& call, VolumeId volume,
                                         const std::string& path) {
  auto rows = pool_.run(kAtPath, key(volume).name(path), call.deadline);
  if (!rows) return rows.error();
  if (rows->empty()) return no_volume(volume);
  if (rows->null(0, 1)) return nothing_at(call, volume, path);
  return At<Entry>{read_entry(*rows, 0), Seq{rows->count(0, 0)}};
}

Error PgStore::nothing_at(const Call& call, VolumeId volume, const std::string& path) {
  Column above(Column::Type::text);
  for (std::string_view at = path; at != "/";) {
    at = split_last(at).first;
    above.add_name(at);
  }
  auto rows = pool_.run(kBlocked, key(volume).array(above), call.deadline);
  if (!rows) return rows.error();
  if (rows->empty()) return no_name(path);
  return Error{Code::not_directory,
               path + " goes through " + rows->name(0, 0) + ", which is no directory", path};
}

Result<At<Entry>> PgStore::entry_in(const Call& call, VolumeId volume, Inode parent,
                                    const std::string& name) {
  auto rows = pool_.run(kInDirectory, key(volume).int8(parent.value).name(name), call.deadline);
  if (!rows) return rows.error();
  if (rows->empty()) return no_volume(volume);
  if (auto error = no_directory(*rows, parent)) return *error;
  if (rows->null(0, 1)) return no_name(name);
  return At<Entry>{read_entry(*rows, 0), Seq{rows->count(0, 0)}};
}

Result<At<Node>> PgStore::attributes(const Call& call, VolumeId volume, const NodeRef& node,
                                     const ReadAt& at) {
  return answer_at<Node>(call, volume, at, [&]() -> Result<At<Node>> {
    const auto* path = std::get_if<std::string>(&node);
    if (path == nullptr) {
      const Inode inode = std::get<Inode>(node);
      return at.as_of ? past_.node(call, volume, inode, *at.as_of) : node_at(call, volume, inode);
    }
    if (auto good = check_path(*path); !good) return good.error();
    auto entry = at.as_of ? past_.entry_at_path(call, volume, *path, *at.as_of)
                          : entry_at_path(call, volume, *path);
    if (!entry) return entry.error();
    return At<Node>{std::move(entry->value.node), entry->seq};
  });
}

Result<At<Node>> PgStore::node_at(const Call& call, VolumeId volume, Inode inode) {
  auto rows = pool_.run(kNode, key(volume).int8(inode.value), call.deadline);
  if (!rows) return rows.error();
  if (rows->empty()) return no_volume(volume);
  if (rows->null(0, 1)) return no_node(inode);
  return At<Node>{read_node(*rows, 0, 1).node, Seq{rows->count(0, 0)}};
}

Result<Inode> PgStore::inode_of(const Call& call, VolumeId volume, const NodeRef& ref) {
  const auto* path = std::get_if<std::string>(&ref);
  if (path == nullptr) return std::get<Inode>(ref);
  if (auto good = check_path(*path); !good) return good.error();
  auto entry = entry_at_path(call, volume, *path);
  if (!entry) return entry.error();
  return entry->value.node.inode;
}

Result<At<Page>> PgStore::list(const Call& call, VolumeId volume, const NodeRef& directory,
                               std::string_view after, std::uint32_t limit, const ReadAt& at) {
  return answer_at<Page>(call, volume, at, [&]() -> Result<At<Page>> {
    if (!at.as_of) return page(call, volume, directory, after, limit);
    Inode inode;
    if (const auto* path = std::get_if<std::string>(&directory)) {
      if (auto good = check_path(*path); !good) return good.error();
      auto entry = past_.entry_at_path(call, volume, *path, *at.as_of);
      if (!entry) return entry.error();
      inode = entry->value.node.inode;
    } else {
      inode = std::get<Inode>(directory);
    }
    return past_.page(call, volume, inode, after, limit, *at.as_of);
  });
}

Result<At<Page>> PgStore::page(const Call& call, VolumeId volume, const NodeRef& directory,
                               std::string_view after, std::uint32_t limit) {
  auto inode = inode_of(call, volume, directory);
  if (!inode) return inode.error();
  const std::uint32_t most = limit == 0 ? kPageEntriesMax : std::min(limit, kPageEntriesMax);
  // One more than asked for tells whether there is a next page.
  auto rows =
      pool_.run(kList, key(volume).int8(inode->value).name(after).int8(std::int64_t{most} + 1),
                call.deadline);
  if (!rows) return rows.error();
  if (rows->empty()) return no_volume(volume);
  if (auto error = no_directory(*rows, *inode)) return *error;
  At<Page> answer{{}, Seq{rows->count(0, 0)}};
  if (rows->null(0, 1)) return answer;
  for (std::size_t row = 0; row < std::min<std::size_t>(rows->size(), most); ++row) {
    answer.value.entries.push_back(read_entry(*rows, row));
  }
  if (rows->size() > most) answer.value.next = answer.value.entries.back().dentry.name;
  return answer;
}

Result<At<Xattrs>> PgStore::xattrs(const Call& call, VolumeId volume, Inode inode,
                                   const ReadAt& at) {
  return answer_at<Xattrs>(call, volume, at, [&]() -> Result<At<Xattrs>> {
    if (at.as_of) return past_.xattrs(call, volume, inode, *at.as_of);
    auto rows = pool_.run(kXattrs, key(volume).int8(inode.value), call.deadline);
    if (!rows) return rows.error();
    if (rows->empty()) return no_volume(volume);
    if (rows->null(0, 1)) return no_node(inode);
    return At<Xattrs>{read_xattrs(rows->bytes(0, 2)), Seq{rows->count(0, 0)}};
  });
}

Result<SearchSummary> PgStore::search(const Call& call, VolumeId volume, const SearchQuery& query,
                                      const TakeSearched& take) {
  if (query.at_least) {
    auto reached = attributes(call, volume, kRootInode, ReadAt{query.at_least, {}});
    if (!reached) return reached.error();
  }
  return search_.search(call, volume, query, take);
}

Result<At<std::vector<std::vector<std::string>>>> PgStore::paths(const Call& call, VolumeId volume,
                                                                 const std::vector<Inode>& inodes,
                                                                 const ReadAt& at) {
  if (auto reached = reach(call, volume, at); !reached) return reached.error();
  if (at.as_of) return past_.paths(call, volume, inodes, *at.as_of);
  At<std::vector<std::vector<std::string>>> answer;
  answer.value.resize(inodes.size());
  if (inodes.empty()) return answer;
  Column wanted(Column::Type::int8);
  for (const Inode inode : inodes) wanted.add(inode.value);
  auto rows = pool_.run(kPathsOf,
                        key(volume).array(wanted).int8(static_cast<std::uint64_t>(kPathsOfNodeMax)),
                        call.deadline);
  if (!rows) return rows.error();
  if (rows->empty()) return no_volume(volume);
  for (std::size_t row = 0; row < rows->size(); ++row) {
    answer.seq = Seq{rows->count(row, 0)};
    if (rows->null(row, 2)) continue;
    answer.value[rows->count(row, 1) - 1].push_back(rows->name(row, 2));
  }
  return answer;
}

namespace {

// A client's locks last while it has one of these.
class Attached final : public Subscription {
 public:
  Attached(std::unique_ptr<Subscription> below, PgLocks& locks, const Caller& caller)
      : below_(std::move(below)), locks_(locks), client_(caller.client) {
    locks_.attach(caller);
  }
  ~Attached() override {
    if (client_) locks_.detach(client_);
  }
  void acknowledge(Seq seq, bool remembers) override { below_->acknowledge(seq, remembers); }
  void set_frozen(bool frozen) override { below_->set_frozen(frozen); }

 private:
  const std::unique_ptr<Subscription> below_;
  PgLocks& locks_;
  const ClientId client_;
};

}  // namespace

Result<std::unique_ptr<Subscription>> PgStore::subscribe(const Call& call, VolumeId volume,
                                                         Seq after,
                                                         std::shared_ptr<FeedSink> sink) {
  if (sink->shows()) {
    if (auto known = strict_.may_have_mounts(); !known) return known.error();
  }
  auto subscription = feed_.subscribe(volume, after, std::move(sink));
  if (!subscription) return subscription;
  return std::unique_ptr<Subscription>(
      std::make_unique<Attached>(*std::move(subscription), locks_, call.caller));
}

void PgStore::lock(const Call& call, VolumeId volume, const LockQuery& query, LockDone done) {
  locks_.lock(call, volume, query, std::move(done));
}

}  // namespace outboard::server
