// PgSearch: searches a volume's texts in Postgres.
//
// Place in the flow: PgStore → PgSearch: which files may match (search_files, and the log from
// where the index stands) → their contents → core/search_run. All in one repeatable-read
// transaction, so that index, log and contents are of one moment.
//
// Any thread. Searches have connections of their own: they are long, and reads need not wait for
// them.
#pragma once

#include "core/pattern.h"
#include "core/search_run.h"
#include "core/store.h"
#include "server/postgres/connection_pool.h"
#include "server/postgres/search_indexer.h"

namespace outboard::server {

class PgSearch {
 public:
  PgSearch(ConnectionPool& pool, SearchIndexer& indexer) : pool_(pool), indexer_(indexer) {}

  Result<SearchSummary> search(const Call& call, VolumeId volume, const SearchQuery& query,
                               const TakeSearched& take);

 private:
  ConnectionPool& pool_;
  SearchIndexer& indexer_;
};

}  // namespace outboard::server
