#include "server/postgres/pg_feed_log.h"

#include "core/limits.h"
#include "server/postgres/node_rows.h"

namespace outboard::server {
namespace {

constexpr Sql kHeads{"feed_heads",
                     "SELECT id, head_seq, pruned_seq, strict FROM volumes "
                     "WHERE id = ANY($1::bigint[])"};
constexpr Sql kPublishedHeads{
    "feed_published_heads",
    "SELECT id, CASE mode WHEN 1 THEN published_seq ELSE head_seq END, "
    "least(pruned_seq, CASE mode WHEN 1 THEN published_seq "
    "ELSE head_seq END), strict FROM volumes WHERE id = ANY($1::bigint[])"};
constexpr Sql kChanges{"feed_changes",
                       "SELECT " OUTBOARD_CHANGE_COLUMNS
                       " FROM changes "
                       "WHERE volume = $1::bigint AND seq > $2::bigint ORDER BY seq "
                       "LIMIT $3::bigint"};

Moment soon() {
  return std::chrono::steady_clock::now() + kReadDeadline;
}

}  // namespace

Result<std::map<VolumeId, LogHead>> PgFeedLog::heads(const std::vector<VolumeId>& volumes) {
  Column ids(Column::Type::int8);
  for (const VolumeId volume : volumes) ids.add(volume.value);
  const Sql& asked = end_ == LogEnd::published ? kPublishedHeads : kHeads;
  auto rows = pool_.run(asked, Params().array(ids), soon());
  if (!rows) return rows.error();
  std::map<VolumeId, LogHead> heads;
  for (std::size_t row = 0; row < rows->size(); ++row) {
    heads[VolumeId{rows->count(row, 0)}] =
        LogHead{Seq{rows->count(row, 1)}, Seq{rows->count(row, 2)}, rows->flag(row, 3)};
  }
  return heads;
}

Result<std::vector<Change>> PgFeedLog::changes(VolumeId volume, Seq after, std::size_t limit) {
  auto rows = pool_.run(
      kChanges,
      Params().int8(volume.value).int8(after.value).int8(static_cast<std::uint64_t>(limit)),
      soon());
  if (!rows) return rows.error();
  std::vector<Change> changes;
  changes.reserve(rows->size());
  for (std::size_t row = 0; row < rows->size(); ++row) changes.push_back(read_change(*rows, row));
  return changes;
}

}  // namespace outboard::server
