#include "server/postgres/pg_tree_source.h"

#include "core/limits.h"
#include "core/path.h"
#include "server/postgres/node_rows.h"
#include "server/postgres/pg_chunks.h"

namespace outboard::server {
namespace {

// take_entries() reads these: a dentry, its path, its node.
#define OUTBOARD_ENTRY_COLUMNS "d.parent, d.name, d.path, " OUTBOARD_NODE_COLUMNS
#define OUTBOARD_ENTRY_JOIN " JOIN " OUTBOARD_ONE_NODE("$1::bigint", "d.inode") " n ON true "

constexpr Sql kNumbers{"inode_numbers", "SELECT nextval('outboard.inode_numbers')"};
constexpr std::uint64_t kNumbersBlock = 256;  // the sequence's increment, see 0001_tables.sql

// The given nodes with all names of theirs, and the directories above those up to the root.
constexpr Sql kUp{"source_up",
                  "WITH RECURSIVE up AS ("
                  "SELECT d.parent, d.name, d.path, d.inode FROM dentries d "
                  "WHERE d.volume = $1::bigint AND d.inode = ANY($2::bigint[]) "
                  "UNION SELECT d.parent, d.name, d.path, d.inode FROM up "
                  "JOIN " OUTBOARD_ONE("dentries", "volume = $1::bigint AND inode = up.parent")
                  " d ON true) "
                  "SELECT " OUTBOARD_ENTRY_COLUMNS " FROM up d" OUTBOARD_ENTRY_JOIN};
// Nodes without a name are removed ones, held open.
constexpr Sql kNodes{"source_nodes",
                     "SELECT " OUTBOARD_NODE_COLUMNS
                     " FROM unnest($2::bigint[]) AS wanted(inode) "
                     "JOIN " OUTBOARD_ONE_NODE("$1::bigint", "wanted.inode") " n ON true"};
constexpr Sql kNames{
    "source_names",
    "SELECT " OUTBOARD_ENTRY_COLUMNS
    " FROM "
    "unnest($2::bigint[], $3::text[]) AS wanted(parent, name) "
    "JOIN " OUTBOARD_ONE(
        "dentries",
        "volume = $1::bigint "
        "AND parent = wanted.parent AND name = wanted.name") " d ON true" OUTBOARD_ENTRY_JOIN};
constexpr Sql kPaths{
    "source_paths",
    "SELECT " OUTBOARD_ENTRY_COLUMNS
    " FROM unnest($2::text[]) AS wanted(path) "
    "JOIN " OUTBOARD_ONE_PATH("$1::bigint", "wanted.path") " d ON true" OUTBOARD_ENTRY_JOIN};
// The current version of each, and its bytes where they are inline: what an edit is laid over.
#define OUTBOARD_CONTENT_COLUMNS \
  "n.inode, x.version, x.size, x.digest, x.chunked, x.redacted, x.data "
constexpr Sql kContents{"source_contents",
                        "SELECT " OUTBOARD_CONTENT_COLUMNS
                        "FROM unnest($2::bigint[]) AS wanted(inode) "
                        "JOIN " OUTBOARD_ONE_NODE("$1::bigint", "wanted.inode") " n ON true "
                        "JOIN " OUTBOARD_ONE_VERSION("n.volume", "n.inode", "n.version") " x "
                        "ON true"};
constexpr Sql kPathContents{
    "source_path_contents",
    "SELECT " OUTBOARD_CONTENT_COLUMNS
    "FROM unnest($2::text[]) AS wanted(path) "
    "JOIN " OUTBOARD_ONE_PATH("$1::bigint", "wanted.path") " d ON true" OUTBOARD_ENTRY_JOIN
                                                           "JOIN " OUTBOARD_ONE_VERSION(
                                                               "n.volume", "n.inode",
                                                               "n.version") " x ON true"};
constexpr Sql kChildren{"source_children",
                        "SELECT name, inode FROM dentries WHERE volume = $1::bigint "
                        "AND parent = $2::bigint ORDER BY name"};
constexpr Sql kNamesOf{"source_names_of",
                       "SELECT parent, name FROM dentries WHERE volume = $1::bigint "
                       "AND inode = $2::bigint LIMIT $3::bigint"};
constexpr Sql kHasChildren{"source_has_children",
                           "SELECT EXISTS (SELECT 1 FROM dentries WHERE volume = $1::bigint "
                           "AND parent = $2::bigint)"};
constexpr Sql kVersion{
    "source_version",
    "SELECT size, digest, chunked, redacted FROM versions WHERE volume = $1::bigint "
    "AND inode = $2::bigint AND version = $3::bigint"};
constexpr Sql kContent{"source_content",
                       "SELECT data, redacted FROM versions WHERE volume = $1::bigint "
                       "AND inode = $2::bigint AND version = $3::bigint AND NOT chunked"};
constexpr Sql kXattrs{"source_xattrs",
                      "SELECT xattrs FROM inodes WHERE volume = $1::bigint AND inode = $2::bigint"};

Error no_version(Inode inode, Version version) {
  return Error{Code::not_found,
               "version " + to_string(version) + " of node " + to_string(inode) + " is not kept",
               to_string(inode)};
}

Column numbers_of(const std::set<Inode>& inodes) {
  Column column(Column::Type::int8);
  for (const Inode inode : inodes) column.add(inode.value);
  return column;
}

Column texts_of(const std::set<std::string>& texts) {
  Column column(Column::Type::text);
  for (const auto& text : texts) column.add_name(text);
  return column;
}

// size, digest, chunked, redacted.
StoredVersion read_version(const Rows& rows, std::size_t row, Version version, int first) {
  return StoredVersion{version, rows.count(row, first), rows.digest(row, first + 1),
                       rows.flag(row, first + 2), rows.flag(row, first + 3)};
}

}  // namespace

Result<Inode> InodeNumbers::next(Connection& connection, Moment deadline) {
  if (next_ == end_) {
    auto rows = connection.run(kNumbers, {}, deadline);
    if (!rows) return rows.error();
    next_ = rows->count(0, 0);
    end_ = next_ + kNumbersBlock;
  }
  return Inode{next_++};
}

std::vector<Request> PgTreeSource::prefetch(const GroupNames& names) {
  std::vector<Request> requests;
  asked_.clear();
  const auto ask = [&](Part part, const Sql& sql, Params params) {
    asked_.push_back(part);
    requests.push_back(Request{sql, std::move(params)});
  };
  if (!names.inodes.empty()) {
    // A node without a name is a removed one: for the rules it is not there.
    ask(Part::entries, kUp, key().array(numbers_of(names.inodes)));
  }
  if (!names.names.empty()) {
    Column parents(Column::Type::int8);
    Column texts(Column::Type::text);
    for (const Dentry& name : names.names) {
      parents.add(name.parent.value);
      texts.add_name(name.name);
    }
    ask(Part::entries, kNames, key().array(parents).array(texts));
  }
  if (!names.paths.empty()) ask(Part::entries, kPaths, key().array(texts_of(names.paths)));
  if (!names.contents.empty()) {
    ask(Part::contents, kContents, key().array(numbers_of(names.contents)));
  }
  if (!names.content_paths.empty()) {
    ask(Part::contents, kPathContents, key().array(texts_of(names.content_paths)));
  }
  return requests;
}

void PgTreeSource::take(const GroupNames& names, const std::vector<Rows>& answers,
                        std::size_t first) {
  for (std::size_t i = 0; i < asked_.size(); ++i) {
    const Rows& rows = answers[first + i];
    switch (asked_[i]) {
      case Part::entries: take_entries(rows); break;
      case Part::contents: take_contents(rows); break;
    }
  }
  note_absent(names);
}

void PgTreeSource::take_entries(const Rows& rows) {
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const StoredNode node = read_node(rows, row, 3);
    Dentry name{Inode{rows.count(row, 0)}, rows.name(row, 1)};
    paths_[rows.name(row, 2)] = node.node.inode;
    children_[name] = node.node.inode;
    names_[node.node.inode] = std::move(name);
    nodes_[node.node.inode] = node;
  }
}

void PgTreeSource::take_contents(const Rows& rows) {
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const std::pair key{Inode{rows.count(row, 0)}, Version{rows.count(row, 1)}};
    const StoredVersion stored = read_version(rows, row, key.second, 2);
    versions_.insert_or_assign(key, stored);
    if (!stored.chunked && !stored.redacted) contents_[key] = rows.text(row, 6);
  }
}

// What was asked for and did not come is not there; the volume's lock keeps it so.
void PgTreeSource::note_absent(const GroupNames& names) {
  for (const Dentry& name : names.names) children_.try_emplace(name, std::nullopt);
  for (const Inode inode : names.inodes) nodes_.try_emplace(inode, std::nullopt);
  for (const std::string& path : names.paths) {
    if (path == "/" || paths_.contains(path)) continue;
    const auto [above, name] = split_last(path);
    const auto parent = paths_.find(std::string(above));
    if (parent == paths_.end()) continue;
    children_.try_emplace(Dentry{parent->second, std::string(name)}, std::nullopt);
  }
}

Result<std::optional<StoredNode>> PgTreeSource::node(Inode inode) {
  if (const auto known = nodes_.find(inode); known != nodes_.end()) return known->second;
  Column wanted(Column::Type::int8);
  wanted.add(inode.value);
  auto rows = run(kNodes, key().array(wanted));
  if (!rows) return rows.error();
  std::optional<StoredNode> found;
  if (!rows->empty()) found = read_node(*rows, 0, 0);
  if (found && found->node.removed()) found.reset();
  return nodes_[inode] = found;
}

Result<std::optional<StoredNode>> PgTreeSource::removed_node(Inode inode) {
  Column wanted(Column::Type::int8);
  wanted.add(inode.value);
  auto rows = run(kNodes, key().array(wanted));
  if (!rows) return rows.error();
  if (rows->empty()) return std::optional<StoredNode>{};
  return std::optional(read_node(*rows, 0, 0));
}

Result<std::optional<Inode>> PgTreeSource::child(const Dentry& name) {
  if (const auto known = children_.find(name); known != children_.end()) return known->second;
  Column parent(Column::Type::int8);
  Column text(Column::Type::text);
  parent.add(name.parent.value);
  text.add_name(name.name);
  auto rows = run(kNames, key().array(parent).array(text));
  if (!rows) return rows.error();
  take_entries(*rows);
  return children_.try_emplace(name, std::nullopt).first->second;
}

Result<Dentry> PgTreeSource::name_of(Inode inode) {
  if (const auto known = names_.find(inode); known != names_.end()) return known->second;
  Column wanted(Column::Type::int8);
  wanted.add(inode.value);
  auto rows = run(kUp, key().array(wanted));
  if (!rows) return rows.error();
  take_entries(*rows);
  if (const auto known = names_.find(inode); known != names_.end()) return known->second;
  return Error{Code::not_found, "node " + to_string(inode) + " has no name", to_string(inode)};
}

Result<std::vector<Dentry>> PgTreeSource::names_of(Inode inode) {
  auto rows =
      run(kNamesOf, key().int8(inode.value).int8(static_cast<std::uint64_t>(kPathsOfNodeMax)));
  if (!rows) return rows.error();
  std::vector<Dentry> names;
  for (std::size_t row = 0; row < rows->size(); ++row) {
    names.push_back(Dentry{Inode{rows->count(row, 0)}, rows->name(row, 1)});
    children_[names.back()] = inode;
  }
  return names;
}

Result<std::vector<std::pair<std::string, Inode>>> PgTreeSource::children(Inode directory) {
  auto rows = run(kChildren, key().int8(directory.value));
  if (!rows) return rows.error();
  std::vector<std::pair<std::string, Inode>> found;
  found.reserve(rows->size());
  for (std::size_t row = 0; row < rows->size(); ++row) {
    found.emplace_back(rows->name(row, 0), Inode{rows->count(row, 1)});
  }
  return found;
}

Result<bool> PgTreeSource::has_children(Inode directory) {
  auto rows = run(kHasChildren, key().int8(directory.value));
  if (!rows) return rows.error();
  return rows->flag(0, 0);
}

Result<std::optional<StoredVersion>> PgTreeSource::version(Inode inode, Version version) {
  if (const auto known = versions_.find({inode, version}); known != versions_.end()) {
    return std::optional(known->second);
  }
  auto rows = run(kVersion, key().int8(inode.value).int8(version.value));
  if (!rows) return rows.error();
  if (rows->empty()) return std::optional<StoredVersion>{};
  return std::optional(read_version(*rows, 0, version, 0));
}

Result<std::string> PgTreeSource::inline_content(Inode inode, Version version) {
  if (const auto known = contents_.find({inode, version}); known != contents_.end()) {
    return known->second;
  }
  auto rows = run(kContent, key().int8(inode.value).int8(version.value));
  if (!rows) return rows.error();
  if (rows->empty()) return no_version(inode, version);
  if (rows->flag(0, 1)) {
    return Error{Code::not_found,
                 "the bytes of version " + to_string(version) + " of node " + to_string(inode) +
                     " were redacted: nothing can be made from them, write the file whole",
                 to_string(inode)};
  }
  return rows->text(0, 0);
}

Result<std::string> PgTreeSource::chunked_content(Inode inode, const StoredVersion& version,
                                                  std::uint64_t offset, std::uint64_t size) {
  return read_chunks(connection_, volume_, inode, version.version, version.size, offset, size,
                     deadline_);
}

Result<Sha256> PgTreeSource::digest(Inode inode, Version version) {
  auto stored = this->version(inode, version);
  if (!stored) return stored.error();
  if (!*stored) return no_version(inode, version);
  if ((*stored)->digest) return *(*stored)->digest;
  auto bytes = (*stored)->chunked ? chunked_content(inode, **stored, 0, (*stored)->size)
                                  : inline_content(inode, version);
  if (!bytes) return bytes.error();
  return sha256(*bytes);
}

Result<Xattrs> PgTreeSource::xattrs(Inode inode) {
  auto rows = run(kXattrs, key().int8(inode.value));
  if (!rows) return rows.error();
  return rows->empty() ? Xattrs{} : read_xattrs(rows->bytes(0, 0));
}

}  // namespace outboard::server
