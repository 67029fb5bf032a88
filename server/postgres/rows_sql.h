// Statements over rows that are given as columns, and what is said of one row alone.
//
// Most commits have one row of a kind, for which Postgres works longer on `unnest` of forty arrays
// than on the row.
#pragma once

#include <vector>

#include "server/postgres/connection.h"

namespace outboard::server {

struct RowsSql {
  Sql one;
  Sql many;
};

// `params` is a macro that names the columns' parameters and puts its argument behind each type:
// "$2::bigint" array ", $3::text" array.
#define OUTBOARD_ROWS_SQL(name, before, params, after)         \
  {                                                            \
    {name "_one", before "(VALUES (" params("") "))" after}, { \
      name, before "unnest(" params("[]") ")" after            \
    }                                                          \
  }

// `columns` follow `before`; they have at least one row.
Request rows_request(const RowsSql& sql, Params before, const std::vector<Column>& columns);

}  // namespace outboard::server
