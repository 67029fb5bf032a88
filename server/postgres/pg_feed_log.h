// PgFeedLog: the log as the feed reads it. Any thread may call.
#pragma once

#include "server/feed.h"
#include "server/postgres/connection_pool.h"

namespace outboard::server {

// Where the log ends: for all, or for the readers of reviewed volumes.
enum class LogEnd { committed, published };

class PgFeedLog final : public FeedLog {
 public:
  explicit PgFeedLog(ConnectionPool& pool, LogEnd end = LogEnd::committed)
      : pool_(pool), end_(end) {}

  Result<std::map<VolumeId, LogHead>> heads(const std::vector<VolumeId>& volumes) override;
  Result<std::vector<Change>> changes(VolumeId volume, Seq after, std::size_t limit) override;

 private:
  ConnectionPool& pool_;
  const LogEnd end_;
};

}  // namespace outboard::server
