#include "server/postgres/pg_chunks.h"

#include <algorithm>
#include <map>

#include "core/limits.h"

namespace outboard::server {
namespace {

constexpr Sql kRead{"chunks_read",
                    "SELECT chunk, piece, data FROM chunks WHERE volume = $1::bigint "
                    "AND inode = $2::bigint AND chunk BETWEEN $4::bigint AND $5::bigint "
                    "AND from_version <= $3::bigint "
                    "AND (to_version IS NULL OR to_version > $3::bigint) ORDER BY chunk, piece"};
constexpr Sql kLoad{"chunks_load",
                    "SELECT chunk, piece, data FROM chunks WHERE volume = $1::bigint "
                    "AND inode = $2::bigint AND chunk = ANY($3::bigint[]) AND to_version IS NULL "
                    "ORDER BY chunk, piece"};
constexpr Sql kRetire{"chunks_retire",
                      "UPDATE chunks SET to_version = $3::bigint WHERE volume = $1::bigint "
                      "AND inode = $2::bigint AND to_version IS NULL "
                      "AND (chunk >= $4::bigint OR chunk = ANY($5::bigint[]))"};
constexpr Sql kRetireNewer{"chunks_retire_newer",
                           "UPDATE chunks SET to_version = $3::bigint WHERE volume = $1::bigint "
                           "AND inode = $2::bigint AND to_version IS NULL "
                           "AND from_version > $4::bigint"};
constexpr Sql kRevive{"chunks_revive",
                      "INSERT INTO chunks (volume, inode, chunk, piece, from_version, data) "
                      "SELECT volume, inode, chunk, piece, $3::bigint, data FROM chunks "
                      "WHERE volume = $1::bigint AND inode = $2::bigint "
                      "AND from_version <= $4::bigint AND to_version > $4::bigint "
                      "AND to_version < $3::bigint"};
// The content of another file's version, within the database.
constexpr Sql kCopy{"chunks_copy",
                    "INSERT INTO chunks (volume, inode, chunk, piece, from_version, data) "
                    "SELECT volume, $2::bigint, chunk, piece, $3::bigint, data FROM chunks "
                    "WHERE volume = $1::bigint AND inode = $4::bigint "
                    "AND from_version <= $5::bigint "
                    "AND (to_version IS NULL OR to_version > $5::bigint)"};
constexpr Sql kDropRevived{"chunks_drop_revived",
                           "DELETE FROM chunks WHERE volume = $1::bigint AND inode = $2::bigint "
                           "AND from_version = $3::bigint "
                           "AND (chunk >= $4::bigint OR chunk = ANY($5::bigint[]))"};
constexpr Sql kInsert{"chunks_insert",
                      "INSERT INTO chunks (volume, inode, chunk, piece, from_version, data) "
                      "SELECT $1::bigint, $2::bigint, c, p, $3::bigint, d "
                      "FROM unnest($4::bigint[], $5::int[], $6::bytea[]) AS t(c, p, d)"};
// The same, unless the chunk $7 (-1: none) has $8 pieces already: then nothing.
constexpr Sql kAppend{"chunks_append",
                      "INSERT INTO chunks (volume, inode, chunk, piece, from_version, data) "
                      "SELECT $1::bigint, $2::bigint, c, p, $3::bigint, d "
                      "FROM unnest($4::bigint[], $5::int[], $6::bytea[]) AS t(c, p, d) "
                      "WHERE (SELECT count(*) FROM chunks WHERE volume = $1::bigint "
                      "AND inode = $2::bigint AND chunk = $7::bigint AND to_version IS NULL) "
                      "< $8::bigint"};

using Chunks = std::map<std::uint64_t, std::string>;  // by number, each from its offset 0 on

void lay(std::string& over, std::uint64_t offset, std::string_view bytes) {
  if (over.size() < offset + bytes.size()) over.resize(offset + bytes.size());
  over.replace(offset, bytes.size(), bytes);
}

// One edit on its way into rows.
struct ChunkEdit {
  Connection& connection;
  VolumeId volume;
  const ContentEdit& edit;
  Moment deadline;
  std::uint64_t kept = 0;  // bytes of the base that stay
  bool cut = false;        // not all of them
  bool revived = false;    // pieces of the base were copied as the new version's
  Chunks touched{};

  Params key() const {
    Params params;
    params.int8(volume.value).int8(edit.inode.value);
    return params;
  }
  Status run(const Sql& sql, const Params& params) {
    auto done = connection.run(sql, params, deadline);
    return done ? success() : Status(done.error());
  }
  Status retire(std::uint64_t from, const Column& chunks) {
    if (revived) {
      auto done = run(kDropRevived, key().int8(edit.version.value).int8(from).array(chunks));
      if (!done) return done;
    }
    return run(kRetire, key().int8(edit.version.value).int8(from).array(chunks));
  }
  Status insert(const Column& chunks, const Column& pieces, const Column& data) {
    if (chunks.size() == 0) return success();
    return run(kInsert, key().int8(edit.version.value).array(chunks).array(pieces).array(data));
  }
  Status start_from(WorkingSet& set);
  Status load();
  void overlay();
  Status store();
  Result<bool> append();
};

// Brings into force what the base had, when that is not what is in force now.
Status ChunkEdit::start_from(WorkingSet& set) {
  std::optional<StoredVersion> base;
  if (edit.base) {
    auto found = set.version(edit.base_inode ? edit.base_inode : edit.inode, edit.base);
    if (!found) return found.error();
    base = *found;
  }
  kept = std::min({edit.keep, base ? base->size : 0, edit.size});
  cut = base && kept < base->size;
  if (edit.base_inode) {
    // What is in force goes; the other's pieces come, without a way through this server.
    auto retired = run(kRetireNewer, key().int8(edit.version.value).int8(std::int64_t{0}));
    if (!retired) return retired;
    revived = true;
    return run(kCopy,
               key().int8(edit.version.value).int8(edit.base_inode.value).int8(edit.base.value));
  }
  if (edit.base == edit.current && base && base->chunked) return success();
  const bool chunked = base && base->chunked;
  if (auto done =
          run(kRetireNewer, key().int8(edit.version.value).int8(chunked ? edit.base.value : 0));
      !done) {
    return done;
  }
  if (chunked) {
    revived = true;
    return run(kRevive, key().int8(edit.version.value).int8(edit.base.value));
  }
  if (!base || kept == 0) return success();
  auto bytes = set.inline_content(edit.inode, edit.base);
  if (!bytes) return bytes.error();
  bytes->resize(kept);
  touched[0] = *std::move(bytes);
  return success();
}

// The chunks that the edit changes in part, as they are in force.
Status ChunkEdit::load() {
  const auto touch = [&](std::uint64_t chunk) {
    if (chunk * kChunkBytes < kept) touched.try_emplace(chunk);
  };
  Column wanted(Column::Type::int8);
  const bool has_inline = !touched.empty();
  if (cut && kept % kChunkBytes != 0) touch(kept / kChunkBytes);
  for (const Extent& extent : edit.extents) {
    if (extent.bytes.empty() || extent.offset >= edit.size) continue;
    touch(extent.offset / kChunkBytes);
    touch((std::min(extent.end(), edit.size) - 1) / kChunkBytes);
  }
  for (const auto& [chunk, bytes] : touched) {
    if (!(has_inline && chunk == 0)) wanted.add(chunk);
  }
  if (wanted.size() == 0) return success();
  auto rows = connection.run(kLoad, key().array(wanted), deadline);
  if (!rows) return rows.error();
  for (std::size_t i = 0; i < rows->size(); ++i) {
    lay(touched[rows->count(i, 0)], rows->count(i, 1), rows->bytes(i, 2));
  }
  for (auto& [chunk, bytes] : touched) {
    bytes.resize(std::min<std::uint64_t>(bytes.size(), kept - chunk * kChunkBytes));
  }
  return success();
}

void ChunkEdit::overlay() {
  for (const Extent& extent : edit.extents) {
    const std::uint64_t end = std::min(extent.end(), edit.size);
    for (std::uint64_t at = extent.offset; at < end;) {
      const std::uint64_t chunk = at / kChunkBytes;
      const std::uint64_t until = std::min(end, (chunk + 1) * kChunkBytes);
      lay(touched[chunk], at % kChunkBytes,
          std::string_view(extent.bytes).substr(at - extent.offset, until - at));
      at = until;
    }
  }
}

Status ChunkEdit::store() {
  Column chunks(Column::Type::int8);
  Column filled(Column::Type::int8);
  Column pieces(Column::Type::int4);
  Column data(Column::Type::bytea);
  for (const auto& [chunk, bytes] : touched) {
    chunks.add(chunk);
    if (bytes.empty()) continue;
    filled.add(chunk);
    pieces.add(std::int64_t{0});
    data.add_bytes(bytes);
  }
  const std::uint64_t behind = (kept + kChunkBytes - 1) / kChunkBytes;
  if (auto done = retire(behind, chunks); !done) return done;
  return insert(filled, pieces, data);
}

// True: stored as pieces behind the last. False: the last chunk has its pieces, join them.
Result<bool> ChunkEdit::append() {
  const Extent& extent = edit.extents.front();
  const bool begins = extent.offset % kChunkBytes == 0;  // a chunk: there is no last one to join
  const auto last = static_cast<std::int64_t>(extent.offset / kChunkBytes);
  Column chunks(Column::Type::int8);
  Column pieces(Column::Type::int4);
  Column data(Column::Type::bytea);
  for (std::uint64_t at = extent.offset; at < extent.end();) {
    const std::uint64_t until = std::min(extent.end(), (at / kChunkBytes + 1) * kChunkBytes);
    chunks.add(at / kChunkBytes);
    pieces.add(at % kChunkBytes);
    data.add_bytes(std::string_view(extent.bytes).substr(at - extent.offset, until - at));
    at = until;
  }
  if (chunks.size() == 0) return true;
  auto rows = connection.run(kAppend,
                             key()
                                 .int8(edit.version.value)
                                 .array(chunks)
                                 .array(pieces)
                                 .array(data)
                                 .int8(begins ? std::int64_t{-1} : last)
                                 .int8(static_cast<std::int64_t>(kChunkPiecesMax)),
                             deadline);
  if (!rows) return rows.error();
  return rows->affected() > 0;
}

}  // namespace

Result<std::string> read_chunks(Connection& connection, VolumeId volume, Inode inode,
                                Version version, std::uint64_t whole, std::uint64_t offset,
                                std::uint64_t size, Moment deadline) {
  if (offset >= whole || size == 0) return std::string();
  const std::uint64_t end = std::min(whole, offset + std::min(size, whole));
  auto rows = connection.run(kRead,
                             Params()
                                 .int8(volume.value)
                                 .int8(inode.value)
                                 .int8(version.value)
                                 .int8(offset / kChunkBytes)
                                 .int8((end - 1) / kChunkBytes),
                             deadline);
  if (!rows) return rows.error();
  std::string bytes(end - offset, '\0');
  for (std::size_t i = 0; i < rows->size(); ++i) {
    const std::string_view data = rows->bytes(i, 2);
    const std::uint64_t start = rows->count(i, 0) * kChunkBytes + rows->count(i, 1);
    const std::uint64_t from = std::max(start, offset);
    const std::uint64_t until = std::min(start + data.size(), end);
    if (from < until)
      bytes.replace(from - offset, until - from, data.substr(from - start, until - from));
  }
  return bytes;
}

Status write_chunks(Connection& connection, WorkingSet& set, const ContentEdit& edit,
                    Moment deadline) {
  ChunkEdit work{connection, set.volume().id, edit, deadline};
  if (edit.bytes) {
    // Now, not with the other rows: a later edit of the group may make pieces, or bring these back.
    return work.run(kRetireNewer, work.key().int8(edit.version.value).int8(std::int64_t{0}));
  }
  if (auto done = work.start_from(set); !done) return done;
  const bool adds = edit.append && work.touched.empty() && edit.extents.size() == 1 &&
                    edit.base == edit.current && work.kept == edit.extents.front().offset;
  if (adds) {
    auto added = work.append();
    if (!added) return added.error();
    if (*added) return success();
  }
  if (auto done = work.load(); !done) return done;
  work.overlay();
  return work.store();
}

}  // namespace outboard::server
