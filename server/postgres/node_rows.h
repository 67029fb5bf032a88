// Rows ↔ core's values: nodes, changes, origins, outcomes, xattrs. Pure.
#pragma once

#include <string>
#include <string_view>

#include "core/change.h"
#include "core/store.h"
#include "core/working_set.h"
#include "server/postgres/params.h"
#include "server/postgres/rows.h"

namespace outboard::server {

// The columns that read_node() reads, of a table called n.
#define OUTBOARD_NODE_COLUMNS                                                                  \
  "n.inode, n.kind, n.mode, n.uid, n.gid, n.size, n.links, n.device, n.accessed, n.modified, " \
  "n.changed, n.version, n.digest, n.target, n.xattr_bytes, n.chunked"
inline constexpr int kNodeColumns = 16;

// The columns that read_change() reads, of outboard.changes, in the order they are inserted in.
#define OUTBOARD_CHANGE_COLUMNS                                                                  \
  "seq, kind, inode, node_kind, mode, uid, gid, size, links, device, accessed, modified, "       \
  "changed, version, digest, target, xattr_bytes, before_parent, before_name, after_parent, "    \
  "after_name, other_inode, other_links, other_exchanged, path, conflict, redacted, principal, " \
  "session, turn, op, epoch, generation, client, number, at, warned, also"
inline constexpr int kChangeColumns = 38;

// One row, found by all of its key. As a plain join the planner, whose statistics lag behind and
// speak of most rows, may look for it through all versions of a file, of which a hot one has a
// million, or all names of a volume.
#define OUTBOARD_ONE(table, key) "LATERAL (SELECT * FROM " table " WHERE " key " LIMIT 1)"
#define OUTBOARD_ONE_NODE(volume, of) OUTBOARD_ONE("inodes", "volume = " volume " AND inode = " of)
#define OUTBOARD_ONE_VERSION(volume, of, wanted) \
  OUTBOARD_ONE("versions", "volume = " volume " AND inode = " of " AND version = " wanted)
// Of a path's first 600 characters is an index: more would not fit into one.
#define OUTBOARD_ONE_PATH(volume, wanted)                                           \
  OUTBOARD_ONE("dentries", "volume = " volume " AND left(path, 600) = left(" wanted \
                           ", 600) "                                                \
                           "AND path = " wanted)

StoredNode read_node(const Rows& rows, std::size_t row, int first);
Change read_change(const Rows& rows, std::size_t row, int first = 0);
// principal, session, turn, op, epoch, generation, client, number.
Origin read_origin(const Rows& rows, std::size_t row, int first);

// Change::also as one text, and back.
std::string write_also(const std::vector<std::string>& paths);
std::vector<std::string> read_also(std::string_view text);

// "name, value" pairs, each behind its length in four bytes.
std::string write_xattrs(const Xattrs& xattrs);
Xattrs read_xattrs(std::string_view bytes);

// What a repeated request is answered with. corrupt: not what write_outcomes() wrote.
std::string write_outcomes(const std::vector<Outcome>& outcomes);
Result<std::vector<Outcome>> read_outcomes(std::string_view bytes);

// Valid UTF-8 without NUL: what Postgres takes as text.
bool is_text(std::string_view bytes);

}  // namespace outboard::server
