// PgPast: reads of a volume's tree as it stood behind one of its changes.
//
// PgStore asks it whenever ReadAt::as_of is set. What was is worked out by the functions of
// schema/0004_past.sql and 0015_former_xattrs.sql from the log; here stand the questions and their
// refusals. A statement sees the log and the names as of one moment, so a collection that runs
// beside it takes nothing from under it. Any thread may call. [S28]
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "core/store.h"
#include "server/postgres/connection_pool.h"

namespace outboard::server {

class PgPast {
 public:
  explicit PgPast(ConnectionPool& pool) : pool_(pool) {}

  // All of them: history_gone when the log begins behind `seq`; not_found and not_directory as
  // Store says. REQUIRES: the volume has reached `seq`.
  Result<At<Entry>> entry_at_path(const Call& call, VolumeId volume, const std::string& path,
                                  Seq seq);
  Result<At<Entry>> entry_in(const Call& call, VolumeId volume, Inode parent,
                             const std::string& name, Seq seq);
  Result<At<Node>> node(const Call& call, VolumeId volume, Inode inode, Seq seq);
  Result<At<Page>> page(const Call& call, VolumeId volume, Inode directory, std::string_view after,
                        std::uint32_t limit, Seq seq);
  // As Store::xattrs() says.
  Result<At<Xattrs>> xattrs(const Call& call, VolumeId volume, Inode inode, Seq seq);
  // As Store::paths() says.
  Result<At<std::vector<std::vector<std::string>>>> paths(const Call& call, VolumeId volume,
                                                          const std::vector<Inode>& inodes,
                                                          Seq seq);
  // Level by level from the root, or from the paths of query.within, whose parts alone are looked
  // at; holds the numbers of the directories that are still to be read.
  Status snapshot(const Call& call, VolumeId volume, Seq seq, const SnapshotQuery& query,
                  const std::function<void(SnapshotPart)>& take);

 private:
  ConnectionPool& pool_;
};

}  // namespace outboard::server
