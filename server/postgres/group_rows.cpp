#include "server/postgres/group_rows.h"

#include "core/path.h"
#include "server/postgres/node_rows.h"
#include "server/postgres/rows_sql.h"

namespace outboard::server {
namespace {

using Type = Column::Type;

#define OUTBOARD_NAME_PARAMS(array) "$2::bigint" array ", $3::text" array
constexpr RowsSql kDeleteNames
    OUTBOARD_ROWS_SQL("write_delete_names", "DELETE FROM dentries d USING ", OUTBOARD_NAME_PARAMS,
                      " AS gone(parent, name) WHERE d.volume = $1::bigint "
                      "AND d.parent = gone.parent AND d.name = gone.name");
// Strictly below `from`: "0" is the character behind "/".
constexpr Sql kMove{"write_move",
                    "UPDATE dentries SET path = $3::text || substr(path, length($2::text) + 1) "
                    "WHERE volume = $1::bigint "
                    "AND left(path, 600) >= left($2::text || '/', 600) "
                    "AND left(path, 600) <= left($2::text || '0', 600) "
                    "AND path > $2::text || '/' AND path < $2::text || '0'"};
#define OUTBOARD_ENTRY_PARAMS(array) \
  OUTBOARD_NAME_PARAMS(array) ", $4::bigint" array ", $5::text" array
constexpr RowsSql kPutNames OUTBOARD_ROWS_SQL(
    "write_put_names",
    "INSERT INTO dentries (volume, parent, name, inode, path) SELECT $1::bigint, t.* FROM ",
    OUTBOARD_ENTRY_PARAMS,
    " AS t ON CONFLICT (volume, parent, name) "
    "DO UPDATE SET inode = excluded.inode, path = excluded.path");
#define OUTBOARD_NODE_PARAMS(array)                                                       \
  "$2::bigint" array ", $3::smallint" array ", $4::int" array ", $5::bigint" array        \
  ", $6::bigint" array ", $7::bigint" array ", $8::bigint" array ", $9::bigint" array     \
  ", $10::bigint" array ", $11::bigint" array ", $12::bigint" array ", $13::bigint" array \
  ", $14::bytea" array ", $15::bytea" array ", $16::int" array ", $17::boolean" array
constexpr RowsSql kInsertNodes OUTBOARD_ROWS_SQL(
    "write_insert_nodes",
    "INSERT INTO inodes (volume, inode, kind, mode, uid, gid, size, links, device, accessed, "
    "modified, changed, version, digest, target, xattr_bytes, chunked) "
    "SELECT $1::bigint, t.* FROM ",
    OUTBOARD_NODE_PARAMS, " AS t");
constexpr RowsSql kUpdateNodes OUTBOARD_ROWS_SQL(
    "write_update_nodes",
    "UPDATE inodes n SET mode = t.mode, uid = t.uid, gid = t.gid, size = t.size, "
    "links = t.links, device = t.device, accessed = t.accessed, modified = t.modified, "
    "changed = t.changed, version = t.version, digest = t.digest, target = t.target, "
    "xattr_bytes = t.xattr_bytes, chunked = t.chunked FROM ",
    OUTBOARD_NODE_PARAMS,
    " AS t(inode, kind, mode, uid, gid, size, links, device, accessed, modified, changed, "
    "version, digest, target, xattr_bytes, chunked) "
    "WHERE n.volume = $1::bigint AND n.inode = t.inode");
constexpr Sql kXattrs{"write_xattrs",
                      "UPDATE inodes n SET xattrs = t.x FROM "
                      "unnest($2::bigint[], $3::bytea[]) AS t(inode, x) "
                      "WHERE n.volume = $1::bigint AND n.inode = t.inode"};
constexpr Sql kFormers{
    "write_formers",
    "INSERT INTO former_xattrs (volume, seq, inode, name, value, lost) SELECT $1::bigint, t.* "
    "FROM unnest($2::bigint[], $3::bigint[], $4::bytea[], $5::bytea[], $6::smallint[]) AS t"};
#define OUTBOARD_VERSION_PARAMS(array)                                                  \
  "$2::bigint" array ", $3::bigint" array ", $4::bigint" array ", $5::bigint" array     \
  ", $6::bytea" array ", $7::boolean" array ", $8::boolean" array ", $9::boolean" array \
  ", $10::boolean" array ", $11::bytea" array ", $12::text" array ", $13::uuid" array   \
  ", $14::bigint" array ", $15::uuid" array ", $16::bigint" array ", $17::bigint" array \
  ", $18::uuid" array ", $19::bigint" array ", $20::bigint" array
constexpr RowsSql kVersions OUTBOARD_ROWS_SQL(
    "write_versions",
    "INSERT INTO versions (volume, inode, version, seq, size, digest, chunked, is_text, "
    "conflict, passing, data, principal, session, turn, op, epoch, generation, client, number, "
    "at) SELECT $1::bigint, t.* FROM ",
    OUTBOARD_VERSION_PARAMS, " AS t");
constexpr Sql kHistoric{"write_historic",
                        "UPDATE versions x SET passing = false FROM "
                        "unnest($2::bigint[], $3::bigint[]) AS t(inode, version) "
                        "WHERE x.volume = $1::bigint AND x.inode = t.inode "
                        "AND x.version = t.version AND x.passing"};
// Passing versions go when they are replaced, but for the one before the newest, which whoever has
// the file open may still read, and for those of a revision's tree. Pieces of chunks go with the
// last version they belong to.
constexpr Sql kDropPassing{"write_drop_passing",
                           "DELETE FROM versions x USING unnest($2::bigint[], $3::bigint[]) "
                           "AS t(inode, newest) WHERE x.volume = $1::bigint "
                           "AND x.inode = t.inode AND x.version < t.newest - 1 AND x.passing "
                           "AND x.seq > outboard.revised_upto($1::bigint)"};
constexpr Sql kDropPieces{"write_drop_pieces",
                          "DELETE FROM chunks c USING unnest($2::bigint[], $3::bigint[]) "
                          "AS t(inode, newest) WHERE c.volume = $1::bigint "
                          "AND c.inode = t.inode AND c.to_version < t.newest "
                          "AND NOT EXISTS (SELECT 1 FROM versions x WHERE x.volume = c.volume "
                          "AND x.inode = c.inode AND x.version >= c.from_version "
                          "AND x.version < c.to_version)"};
#define OUTBOARD_CHANGE_PARAMS(array)                                                     \
  "$2::bigint" array ", $3::smallint" array ", $4::bigint" array ", $5::smallint" array   \
  ", $6::int" array ", $7::bigint" array ", $8::bigint" array ", $9::bigint" array        \
  ", $10::bigint" array ", $11::bigint" array ", $12::bigint" array ", $13::bigint" array \
  ", $14::bigint" array ", $15::bigint" array ", $16::bytea" array ", $17::bytea" array   \
  ", $18::int" array ", $19::bigint" array ", $20::text" array ", $21::bigint" array      \
  ", $22::text" array ", $23::bigint" array ", $24::bigint" array ", $25::boolean" array  \
  ", $26::text" array ", $27::boolean" array ", $28::boolean" array ", $29::text" array   \
  ", $30::uuid" array ", $31::bigint" array ", $32::uuid" array ", $33::bigint" array     \
  ", $34::bigint" array ", $35::uuid" array ", $36::bigint" array ", $37::bigint" array   \
  ", $38::boolean" array ", $39::text" array
constexpr RowsSql kChanges OUTBOARD_ROWS_SQL("write_changes",
                                             "INSERT INTO changes (volume, " OUTBOARD_CHANGE_COLUMNS
                                             ") SELECT $1::bigint, t.* FROM ",
                                             OUTBOARD_CHANGE_PARAMS, " AS t");
// $3 is the version, 0 for all up to $4. What is redacted has no chunks.
constexpr Sql kRedactVersions{"write_redact_versions",
                              "UPDATE versions SET data = NULL, digest = NULL, chunked = false, "
                              "is_text = false, redacted = true WHERE volume = $1::bigint "
                              "AND inode = $2::bigint AND version <= $4::bigint "
                              "AND ($3::bigint = 0 OR version = $3::bigint)"};
constexpr Sql kRedactChunks{
    "write_redact_chunks",
    "DELETE FROM chunks c WHERE c.volume = $1::bigint AND c.inode = $2::bigint AND NOT EXISTS ("
    "SELECT 1 FROM versions x WHERE x.volume = c.volume AND x.inode = c.inode AND x.chunked "
    "AND x.version >= c.from_version AND (c.to_version IS NULL OR x.version < c.to_version))"};
// Of the digest a hash stays, for the seal of its change.
constexpr Sql kRedactLog{
    "write_redact_log",
    "WITH old AS (SELECT volume, seq, digest FROM changes WHERE volume = $1::bigint "
    "AND inode = $2::bigint AND version <= $4::bigint "
    "AND ($3::bigint = 0 OR version = $3::bigint)), "
    "kept AS (INSERT INTO redacted_changes (volume, seq, digest_hash) "
    "SELECT volume, seq, sha256(digest) FROM old WHERE digest IS NOT NULL ON CONFLICT DO NOTHING) "
    "UPDATE changes c SET digest = NULL, redacted = true FROM old "
    "WHERE c.volume = old.volume AND c.seq = old.seq"};
constexpr Sql kRedactFormers{"write_redact_formers",
                             "UPDATE former_xattrs SET value = NULL, lost = 2 "
                             "WHERE volume = $1::bigint AND inode = $2::bigint "
                             "AND value IS NOT NULL"};
constexpr Sql kVolume{"write_volume",
                      "UPDATE volumes SET head_seq = $2::bigint, used_bytes = $3::bigint, "
                      "used_nodes = $4::bigint, used_versions = $5::bigint "
                      "WHERE id = $1::bigint"};

Params key(const WorkingSet& set) {
  Params params;
  params.int8(set.volume().id.value);
  return params;
}

// A table's columns under construction, by the types of its arrays.
class Table {
 public:
  Table(std::initializer_list<Type> types) {
    for (const Type type : types) columns_.emplace_back(type);
  }
  Column& operator[](std::size_t i) { return columns_[i]; }
  // The next column of the row that is being filled, from the first again after the last.
  Column& next() {
    Column& column = columns_[at_];
    at_ = (at_ + 1) % columns_.size();
    return column;
  }
  bool empty() const { return columns_.front().size() == 0; }
  Params params(const WorkingSet& set) const {
    Params params = key(set);
    for (const Column& column : columns_) params.array(column);
    return params;
  }
  Request request(const RowsSql& sql, const WorkingSet& set) const {
    return rows_request(sql, key(set), columns_);
  }

 private:
  std::vector<Column> columns_;
  std::size_t at_ = 0;
};

void add_time(Column& to, Timestamp at) {
  to.add(at.nanoseconds);
}

void add_node(Table& t, const Node& node) {
  const Attributes& a = node.attributes;
  t.next().add(node.inode.value);
  t.next().add(static_cast<std::int64_t>(node.kind));
  t.next().add(std::int64_t{a.mode});
  t.next().add(std::int64_t{a.uid});
  t.next().add(std::int64_t{a.gid});
  t.next().add(a.size);
  t.next().add(std::int64_t{a.links});
  t.next().add(a.device);
  add_time(t.next(), a.accessed);
  add_time(t.next(), a.modified);
  add_time(t.next(), a.changed);
  t.next().add(node.version.value);
  t.next().add_digest(node.digest);
  Column& target = t.next();
  if (node.is(Kind::symlink)) {
    target.add_bytes(node.target);
  } else {
    target.add_null();
  }
  t.next().add(std::int64_t{node.xattr_bytes});
}

void add_origin(Table& t, const Origin& origin) {
  t.next().add_bytes(origin.principal);
  t.next().add_uuid(origin.session.uuid);
  t.next().add(origin.turn);
  t.next().add_uuid(origin.op.uuid);
  t.next().add(origin.epoch.value);
  t.next().add(origin.generation.value);
  t.next().add_uuid(origin.client.uuid);
  t.next().add(origin.number);
}

void add_dentry(Table& t, const std::optional<Dentry>& dentry) {
  Column& parent = t.next();
  Column& name = t.next();
  if (!dentry) {
    parent.add_null();
    name.add_null();
    return;
  }
  parent.add(dentry->parent.value);
  name.add_name(dentry->name);
}

void add_change(Table& t, const Change& change) {
  t.next().add(change.seq.value);
  t.next().add(static_cast<std::int64_t>(change.kind));
  add_node(t, change.node);
  add_dentry(t, change.before);
  add_dentry(t, change.after);
  Column& inode = t.next();
  Column& links = t.next();
  Column& exchanged = t.next();
  if (change.other) {
    inode.add(change.other->inode.value);
    links.add(std::int64_t{change.other->links});
    exchanged.add(std::int64_t{change.other->exchanged});
  } else {
    for (Column* column : {&inode, &links, &exchanged}) column->add_null();
  }
  t.next().add_name(change.path);
  t.next().add(std::int64_t{change.conflict});
  t.next().add(std::int64_t{change.redacted});
  add_origin(t, change.origin);
  add_time(t.next(), change.at);
  t.next().add(std::int64_t{change.warned});
  Column& also = t.next();
  if (change.also.empty()) {
    also.add_null();
  } else {
    also.add_name(write_also(change.also));
  }
}

void put_changes(const WorkingSet& set, std::vector<Request>& to) {
  constexpr auto i8 = Type::int8;
  constexpr auto flag = Type::boolean;
  Table t{i8,          Type::int2,  i8,         Type::int2, Type::int4, i8,         i8,
          i8,          i8,          i8,         i8,         i8,         i8,         i8,
          Type::bytea, Type::bytea, Type::int4, i8,         Type::text, i8,         Type::text,
          i8,          i8,          flag,       Type::text, flag,       flag,       Type::text,
          Type::uuid,  i8,          Type::uuid, i8,         i8,         Type::uuid, i8,
          i8,          flag,        Type::text};
  for (const Change& change : set.changes()) add_change(t, change);
  if (!t.empty()) to.push_back(t.request(kChanges, set));
}

void put_nodes(const WorkingSet& set, std::vector<Request>& to) {
  constexpr auto i8 = Type::int8;
  const Table shape{i8, Type::int2,  Type::int4,  i8,         i8,           i8, i8, i8, i8, i8, i8,
                    i8, Type::bytea, Type::bytea, Type::int4, Type::boolean};
  Table fresh = shape;
  Table known = shape;
  for (const auto& [stored, is_new] : set.changed_nodes()) {
    Table& t = is_new ? fresh : known;
    add_node(t, stored.node);
    t.next().add(std::int64_t{stored.chunked});
  }
  if (!fresh.empty()) to.push_back(fresh.request(kInsertNodes, set));
  if (!known.empty()) to.push_back(known.request(kUpdateNodes, set));
  Table xattrs{i8, Type::bytea};
  for (const auto& [inode, values] : set.changed_xattrs()) {
    xattrs.next().add(inode.value);
    xattrs.next().add_bytes(write_xattrs(values));
  }
  if (!xattrs.empty()) to.push_back(Request{kXattrs, xattrs.params(set)});
}

void put_formers(const WorkingSet& set, std::vector<Request>& to) {
  if (set.formers().empty()) return;
  Table t{Type::int8, Type::int8, Type::bytea, Type::bytea, Type::int2};
  for (const FormerXattr& former : set.formers()) {
    t.next().add(former.seq.value);
    t.next().add(former.inode.value);
    t.next().add_bytes(former.name);
    Column& value = t.next();
    if (former.value) {
      value.add_bytes(*former.value);
    } else {
      value.add_null();
    }
    t.next().add(static_cast<std::int64_t>(former.lost));
  }
  to.push_back(Request{kFormers, t.params(set)});
}

void put_versions(const WorkingSet& set, std::vector<Request>& to) {
  if (set.contents().empty()) return;
  const std::uint64_t first = set.changes().front().seq.value;
  constexpr auto i8 = Type::int8;
  constexpr auto flag = Type::boolean;
  Table t{i8,   i8,   i8,          i8,         Type::bytea, flag, flag,
          flag, flag, Type::bytea, Type::text, Type::uuid,  i8,   Type::uuid,
          i8,   i8,   Type::uuid,  i8,         i8};
  for (const ContentEdit& edit : set.contents()) {
    const Change& change = set.changes()[edit.seq.value - first];
    t.next().add(edit.inode.value);
    t.next().add(edit.version.value);
    t.next().add(edit.seq.value);
    t.next().add(edit.bytes ? edit.bytes->size() : edit.size);
    t.next().add_digest(edit.digest);
    t.next().add(std::int64_t{!edit.bytes});
    t.next().add(std::int64_t{edit.bytes && is_text(*edit.bytes)});
    t.next().add(std::int64_t{edit.conflict});
    t.next().add(std::int64_t{edit.passing});
    Column& data = t.next();
    if (edit.bytes) {
      data.add_bytes(*edit.bytes);
    } else {
      data.add_null();
    }
    add_origin(t, change.origin);
    add_time(t.next(), change.at);
  }
  to.push_back(t.request(kVersions, set));
}

// What history gains by a rename, and what it never wanted.
void put_passing(const WorkingSet& set, std::vector<Request>& to) {
  Table historic{Type::int8, Type::int8};
  for (const auto& [inode, version] : set.historic()) {
    historic.next().add(inode.value);
    historic.next().add(version.value);
  }
  if (!historic.empty()) to.push_back(Request{kHistoric, historic.params(set)});
  Table replaced{Type::int8, Type::int8};
  for (const ContentEdit& edit : set.contents()) {
    if (!edit.passing || edit.version.value < 3) continue;
    replaced.next().add(edit.inode.value);
    replaced.next().add(edit.version.value);
  }
  if (replaced.empty()) return;
  to.push_back(Request{kDropPassing, replaced.params(set)});
  to.push_back(Request{kDropPieces, replaced.params(set)});
}

void put_redactions(const WorkingSet& set, std::vector<Request>& to) {
  for (const Redaction& one : set.redactions()) {
    const auto versions =
        key(set).int8(one.inode.value).int8(one.version.value).int8(one.upto.value);
    to.push_back(Request{kRedactVersions, versions});
    to.push_back(Request{kRedactChunks, key(set).int8(one.inode.value)});
    to.push_back(Request{kRedactLog, versions});
  }
  for (const Inode inode : set.redacted_formers()) {
    to.push_back(Request{kRedactFormers, key(set).int8(inode.value)});
  }
}

Status put_names(WorkingSet& set, std::vector<Request>& to) {
  Table gone{Type::int8, Type::text};
  Table put{Type::int8, Type::text, Type::int8, Type::text};
  for (const auto& [name, inode] : set.changed_names()) {
    Table& t = inode ? put : gone;
    t.next().add(name.parent.value);
    t.next().add_name(name.name);
    if (!inode) continue;
    auto path = set.path_of(name);
    if (!path) return path.error();
    t.next().add(inode->value);
    t.next().add_name(*path);
  }
  if (!gone.empty()) to.push_back(gone.request(kDeleteNames, set));
  for (const SubtreeMove& move : set.moves()) {
    to.push_back(Request{kMove, key(set).name(move.from).name(move.to)});
  }
  if (!put.empty()) to.push_back(put.request(kPutNames, set));
  return success();
}

}  // namespace

Result<std::vector<Request>> rows_of(WorkingSet& set) {
  std::vector<Request> requests;
  if (auto named = put_names(set, requests); !named) return named.error();
  put_nodes(set, requests);
  put_versions(set, requests);
  put_formers(set, requests);  // before their changes, see 0015_former_xattrs.sql
  put_changes(set, requests);
  put_redactions(set, requests);
  const Volume& volume = set.volume();
  requests.push_back(Request{kVolume, key(set)
                                          .int8(volume.head.value)
                                          .int8(volume.used_bytes)
                                          .int8(volume.used_nodes)
                                          .int8(volume.used_versions)});
  put_passing(set, requests);  // counts what goes in the volume's row
  return requests;
}

}  // namespace outboard::server
