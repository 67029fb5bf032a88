// PgStore: the Store over Postgres. Writes go to the committer; reads are single indexed statements
// on a pool of connections, each reading the volume's head in the same snapshot as its rows.
//
// Grants are not asked here: server/access wraps this store. Any thread may call.
#pragma once

#include "core/limits.h"
#include "core/store.h"
#include "server/committer.h"
#include "server/feed.h"
#include "server/postgres/connection_pool.h"
#include "server/postgres/pg_locks.h"
#include "server/postgres/pg_past.h"
#include "server/postgres/pg_search.h"
#include "server/postgres/pg_strict.h"
#include "server/shared_reads.h"
#include "server/snapshot_cache.h"

namespace outboard::server {

class PgStore final : public Store {
 public:
  PgStore(ConnectionPool& pool, Committer& committer, Feed& feed, PgSearch& search, PgLocks& locks,
          PgStrict& strict)
      : pool_(pool),
        past_(pool),
        committer_(committer),
        feed_(feed),
        search_(search),
        locks_(locks),
        strict_(strict) {}

  Result<Volume> open_volume(const Call& call, std::string_view name) override;
  Result<Volume> describe(const Call& call, VolumeId volume) override;
  Result<Applied> apply(const Call& call, VolumeId volume, const Batch& batch) override;
  void submit(const Call& call, VolumeId volume, Batch batch, ApplyDone done) override;
  Status settle(const Call& call, VolumeId volume, Seq seq) override;
  Result<At<Entry>> lookup(const Call& call, VolumeId volume, const NameRef& name,
                           const ReadAt& at) override;
  Result<At<Node>> attributes(const Call& call, VolumeId volume, const NodeRef& node,
                              const ReadAt& at) override;
  Result<At<Page>> list(const Call& call, VolumeId volume, const NodeRef& directory,
                        std::string_view after, std::uint32_t limit, const ReadAt& at) override;
  Result<At<Content>> read(const Call& call, VolumeId volume, Inode inode, Version version,
                           std::uint64_t offset, std::size_t size) override;
  Result<At<std::vector<Result<Content>>>> read_many(const Call& call, VolumeId volume,
                                                     const std::vector<ContentKey>& keys) override;
  Result<Seq> snapshot(const Call& call, VolumeId volume, const SnapshotQuery& query,
                       const std::function<void(SnapshotPart)>& take) override;
  Result<At<Xattrs>> xattrs(const Call& call, VolumeId volume, Inode inode,
                            const ReadAt& at) override;
  Result<At<std::vector<std::vector<std::string>>>> paths(const Call& call, VolumeId volume,
                                                          const std::vector<Inode>& inodes,
                                                          const ReadAt& at) override;
  Result<At<std::vector<Change>>> history(const Call& call, VolumeId volume,
                                          const HistoryQuery& query) override;
  Result<At<std::vector<VersionInfo>>> versions(const Call& call, VolumeId volume,
                                                const NodeRef& node) override;
  Result<SearchSummary> search(const Call& call, VolumeId volume, const SearchQuery& query,
                               const TakeSearched& take) override;
  Result<std::unique_ptr<Subscription>> subscribe(const Call& call, VolumeId volume, Seq after,
                                                  std::shared_ptr<FeedSink> sink) override;
  void lock(const Call& call, VolumeId volume, const LockQuery& query, LockDone done) override;

 private:
  // Whether the volume is strict is known from here on.
  Status know_strict(const Call& call, VolumeId volume);
  // Waits until the volume has all that `at` asks for.
  Status reach(const Call& call, VolumeId volume, const ReadAt& at);
  // Runs `once` when the volume has come so far.
  template <class T, class F>
  Result<At<T>> answer_at(const Call& call, VolumeId volume, const ReadAt& at, F&& once);
  Result<At<Entry>> entry_at_path(const Call& call, VolumeId volume, const std::string& path);
  Result<At<Entry>> entry_in(const Call& call, VolumeId volume, Inode parent,
                             const std::string& name);
  // why there is nothing at `path`: not_found, or not_directory on the way
  Error nothing_at(const Call& call, VolumeId volume, const std::string& path);
  Result<At<Node>> node_at(const Call& call, VolumeId volume, Inode inode);
  Result<Inode> inode_of(const Call& call, VolumeId volume, const NodeRef& ref);
  Result<At<Page>> page(const Call& call, VolumeId volume, const NodeRef& directory,
                        std::string_view after, std::uint32_t limit);

  // The tree that another call has read.
  Status send_shared(const Call& call, VolumeId volume, const std::vector<Entry>& entries,
                     std::uint64_t bodies_bytes_max, const std::function<void(SnapshotPart)>& take);

  ConnectionPool& pool_;
  PgPast past_;
  Committer& committer_;
  Feed& feed_;
  PgSearch& search_;
  PgLocks& locks_;
  PgStrict& strict_;
  SnapshotCache snapshots_{kSnapshotCacheBytesMax};
  SharedReads shared_reads_;
};

}  // namespace outboard::server
