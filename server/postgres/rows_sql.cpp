#include "server/postgres/rows_sql.h"

namespace outboard::server {

Request rows_request(const RowsSql& sql, Params before, const std::vector<Column>& columns) {
  const bool one = columns.front().size() == 1;
  for (const Column& column : columns) one ? before.only(column) : before.array(column);
  return {one ? sql.one : sql.many, std::move(before)};
}

}  // namespace outboard::server
