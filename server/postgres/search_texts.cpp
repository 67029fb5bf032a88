#include "server/postgres/search_texts.h"

#include <algorithm>
#include <map>

#include "core/limits.h"
#include "core/text_search.h"
#include "server/postgres/pg_chunks.h"

namespace outboard::server {
namespace {

constexpr Sql kTexts{"search_texts",
                     "SELECT x.inode, x.chunked, x.data FROM "
                     "unnest($2::bigint[], $3::bigint[]) AS asked(inode, version) "
                     "JOIN versions x ON x.volume = $1::bigint AND x.inode = asked.inode "
                     "AND x.version = asked.version AND NOT x.redacted"};

Result<bool> take_chunked(Connection& connection, VolumeId volume, const SearchCandidate& file,
                          const TextTaker& take, Moment deadline) {
  const auto read = [&](std::uint64_t offset, std::uint64_t size) {
    return read_chunks(connection, volume, file.inode, file.version, file.size, offset, size,
                       deadline);
  };
  auto text = read(0, kChunkBytes);
  if (!text) return text.error();
  if (is_binary(*text)) {
    take.binary(file);
    return true;
  }
  auto rest = read(kChunkBytes, file.size - std::min<std::uint64_t>(file.size, kChunkBytes));
  if (!rest) return rest.error();
  *text += *rest;
  return take.text(file, *text);
}

}  // namespace

Result<bool> read_texts(Connection& connection, VolumeId volume,
                        const std::vector<SearchCandidate>& wanted, const TextTaker& take,
                        Moment deadline) {
  for (std::size_t first = 0; first < wanted.size(); first += kTextsAtOnce) {
    const std::size_t end = std::min(wanted.size(), first + kTextsAtOnce);
    Column inodes(Column::Type::int8);
    Column versions(Column::Type::int8);
    for (std::size_t i = first; i < end; ++i) {
      inodes.add(wanted[i].inode.value);
      versions.add(wanted[i].version.value);
    }
    auto rows =
        connection.run(kTexts, Params().int8(volume.value).array(inodes).array(versions), deadline);
    if (!rows) return rows.error();
    std::map<Inode, std::size_t> row_of;
    for (std::size_t row = 0; row < rows->size(); ++row) {
      row_of.emplace(Inode{rows->count(row, 0)}, row);
    }
    for (std::size_t i = first; i < end; ++i) {
      if (take.stop(wanted[i])) return false;
      const auto row = row_of.find(wanted[i].inode);
      if (row == row_of.end()) continue;
      Result<bool> more = true;
      if (rows->flag(row->second, 1)) {
        more = take_chunked(connection, volume, wanted[i], take, deadline);
      } else {
        more = take.text(wanted[i], rows->bytes(row->second, 2));
      }
      if (!more || !*more) return more;
    }
  }
  return true;
}

}  // namespace outboard::server
