#include "server/postgres/pg_blobs.h"

#include "server/journal_limits.h"
#include "server/postgres/journal_rows.h"

namespace outboard::server {
namespace {

// $4: the session that the token is bound to; null: none, then whoever sees the session.
#define OUTBOARD_BLOB_SESSION_SEEN \
  OUTBOARD_SESSION_SEEN " AND ($4::uuid IS NULL OR s.id = $4::uuid)"

constexpr Sql kBegin{"blobs_begin",
                     "INSERT INTO blobs (organisation, media_type) "
                     "SELECT s.organisation, $6::text FROM sessions s WHERE s.id = $5::uuid "
                     "AND " OUTBOARD_BLOB_SESSION_SEEN " RETURNING id"};
// For a sender who sees the bytes already: it sees them through this session, too, from now on.
constexpr Sql kShare{
    "blobs_share",
    "WITH seen AS (SELECT b.id, b.organisation FROM blobs b JOIN blob_sessions l ON l.blob = b.id "
    "JOIN sessions s ON s.id = l.session WHERE b.digest = $6::bytea AND " OUTBOARD_BLOB_SESSION_SEEN
    " LIMIT 1), shared AS (INSERT INTO blob_sessions (blob, session) "
    "SELECT seen.id, s.id FROM seen JOIN sessions s ON s.organisation = seen.organisation "
    "WHERE s.id = $5::uuid AND " OUTBOARD_BLOB_SESSION_SEEN
    " ON CONFLICT DO NOTHING) SELECT seen.id FROM seen JOIN sessions s "
    "ON s.organisation = seen.organisation WHERE s.id = $5::uuid AND " OUTBOARD_BLOB_SESSION_SEEN};
constexpr Sql kPut{"blobs_put",
                   "INSERT INTO blob_chunks (blob, chunk, data) SELECT id, $2::bigint, $3::bytea "
                   "FROM blobs WHERE id = $1::bigint AND digest IS NULL "
                   "ON CONFLICT (blob, chunk) DO UPDATE SET data = excluded.data"};
constexpr Sql kFinish{
    "blobs_finish",
    "WITH b AS (UPDATE blobs SET digest = $3::bytea, size = $4::bigint WHERE id = $1::bigint "
    "AND digest IS NULL RETURNING id), l AS (INSERT INTO blob_sessions (blob, session) "
    "SELECT id, $2::uuid FROM b) SELECT id FROM b"};
// The same bytes came before: what has just arrived goes again.
constexpr Sql kJoin{
    "blobs_join",
    "WITH gone AS (DELETE FROM blobs WHERE id = $1::bigint AND digest IS NULL "
    "RETURNING organisation), known AS (SELECT b.id FROM blobs b JOIN gone "
    "ON gone.organisation = b.organisation WHERE b.digest = $3::bytea), "
    "l AS (INSERT INTO blob_sessions (blob, session) SELECT id, $2::uuid FROM known "
    "ON CONFLICT DO NOTHING) SELECT id FROM known"};
constexpr Sql kFind{
    "blobs_find",
    "SELECT b.id, b.size FROM blobs b WHERE b.digest = $5::bytea AND EXISTS (SELECT 1 "
    "FROM blob_sessions l JOIN sessions s ON s.id = l.session WHERE l.blob = b.id "
    "AND " OUTBOARD_BLOB_SESSION_SEEN ") LIMIT 1"};
constexpr Sql kChunk{"blobs_chunk",
                     "SELECT data FROM blob_chunks WHERE blob = $1::bigint AND chunk = $2::bigint"};
constexpr Sql kHas{
    "blobs_has",
    "SELECT EXISTS (SELECT 1 FROM blobs b JOIN blob_sessions l ON l.blob = b.id "
    "JOIN sessions s ON s.id = l.session WHERE b.digest = a.digest AND " OUTBOARD_BLOB_SESSION_SEEN
    ") FROM unnest($5::bytea[]) WITH ORDINALITY AS a(digest, n) ORDER BY a.n"};

std::string_view raw(const Sha256& digest) {
  return {reinterpret_cast<const char*>(digest.bytes.data()), digest.bytes.size()};
}

// A sandbox's token sees its own session, whoever's it is.
Params who(const Caller& caller) {
  return Params()
      .int8(caller.organisation)
      .boolean(is_administrator(caller) || bool(caller.session))
      .bytes(caller.principal)
      .uuid(caller.session.uuid);
}

Error no_blob(const Sha256& digest) {
  return Error{Code::not_found, "there is no blob " + to_string(digest), to_string(digest)};
}

}  // namespace

Result<BlobArrival> PgBlobs::begin(const Call& call, const BlobHeader& header) {
  if (header.size > kBlobBytesMax) {
    return Error{Code::too_big, "a blob of " + std::to_string(header.size) + " bytes; at most " +
                                    std::to_string(kBlobBytesMax) + ": keep it in parts"};
  }
  BlobArrival arrival;
  arrival.session = header.session ? header.session : call.caller.session;
  if (!arrival.session) {
    return Error{Code::invalid,
                 "a blob belongs to a session, which decides who may read it: say which"};
  }
  if (header.digest) {
    auto seen =
        pool_.run(kShare, who(call.caller).uuid(arrival.session.uuid).bytes(raw(*header.digest)),
                  call.deadline);
    if (!seen) return seen.error();
    arrival.existed = !seen->empty();
    if (arrival.existed) return arrival;
  }
  auto rows = pool_.run(
      kBegin, who(call.caller).uuid(arrival.session.uuid).bytes(header.media_type), call.deadline);
  if (!rows) return rows.error();
  if (rows->empty()) return no_session(arrival.session);
  arrival.id = rows->count(0, 0);
  return arrival;
}

Status PgBlobs::put_chunk(const Call& call, const BlobArrival& arrival, std::uint32_t chunk,
                          std::string_view bytes) {
  auto rows = pool_.run(kPut, Params().int8(arrival.id).int8(std::int64_t{chunk}).bytes(bytes),
                        call.deadline);
  if (!rows) return rows.error();
  if (rows->affected() == 1) return success();
  return Error{Code::unavailable, "the blob took too long to arrive; send it again"};
}

Result<bool> PgBlobs::finish(const Call& call, const BlobArrival& arrival, const Sha256& digest,
                             std::uint64_t size) {
  const Params base = Params().int8(arrival.id).uuid(arrival.session.uuid).bytes(raw(digest));
  Params whole = base;
  auto rows = pool_.run(kFinish, whole.int8(size), call.deadline);
  if (rows && !rows->empty()) return false;
  if (!rows && rows.error().code != Code::exists) return rows.error();
  auto joined = pool_.run(kJoin, base, call.deadline);
  if (!joined) return joined.error();
  if (!joined->empty()) return true;
  return Error{Code::unavailable, "the blob took too long to arrive; send it again"};
}

Result<BlobPlace> PgBlobs::find(const Call& call, const Sha256& digest) {
  auto rows = pool_.run(kFind, who(call.caller).bytes(raw(digest)), call.deadline);
  if (!rows) return rows.error();
  if (rows->empty()) return no_blob(digest);
  return BlobPlace{rows->count(0, 0), rows->count(0, 1)};
}

Result<std::string> PgBlobs::chunk(const Call& call, const BlobPlace& place, std::uint32_t chunk) {
  auto rows = pool_.run(kChunk, Params().int8(place.id).int8(std::int64_t{chunk}), call.deadline);
  if (!rows) return rows.error();
  if (rows->empty()) {
    return Error{Code::corrupt, "chunk " + std::to_string(chunk) + " of blob number " +
                                    std::to_string(place.id) + " is missing"};
  }
  return rows->text(0, 0);
}

Result<std::vector<bool>> PgBlobs::has(const Call& call, const std::vector<Sha256>& digests) {
  Column column(Column::Type::bytea);
  for (const Sha256& digest : digests) column.add_digest(digest);
  auto rows = pool_.run(kHas, who(call.caller).array(column), call.deadline);
  if (!rows) return rows.error();
  std::vector<bool> present;
  for (std::size_t row = 0; row < rows->size(); ++row) present.push_back(rows->flag(row, 0));
  return present;
}

}  // namespace outboard::server
