// PgFeedLog: the log as the feed reads it. Any thread may call.
#pragma once

#include "server/feed.h"
#include "server/postgres/connection_pool.h"

namespace outboard::server {

class PgFeedLog final : public FeedLog {
 public:
  explicit PgFeedLog(ConnectionPool& pool) : pool_(pool) {}

  Result<std::map<VolumeId, LogHead>> heads(const std::vector<VolumeId>& volumes) override;
  Result<std::vector<Change>> changes(VolumeId volume, Seq after, std::size_t limit) override;

 private:
  ConnectionPool& pool_;
};

}  // namespace outboard::server
