// MemoryStore: a Store wholly in memory. The reference that the conformance suite is written
// against, and the store on which the filesystem's tests run.
//
// It keeps every version and the whole log, until forget() is called. Chunked edits are applied to
// whole strings, so it is not for large volumes. Who waits for a lock does so on its own thread.
//
// Threads: any. One lock guards all; sinks are offered to under it (offer() neither blocks nor
// calls back), which makes the order of the feed the order of commits.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/admin.h"
#include "core/clock.h"
#include "core/content_rules.h"
#include "core/guarded.h"
#include "core/memory_locks.h"
#include "core/memory_volume.h"
#include "core/mount_acks.h"
#include "core/store.h"

namespace outboard {

class MemoryStore final : public Store {
 public:
  // `clock` gives the times of changes, `rules` judge what is written (none: nothing is wrong);
  // both outlive the store and are asked under the lock.
  explicit MemoryStore(const Clock& clock, const ContentRules* rules = nullptr);
  // REQUIRES: all subscriptions are gone.
  ~MemoryStore() override;

  // REQUIRES: the name is new.
  VolumeId add_volume(std::string name, const VolumeSettings& settings = {},
                      std::uint64_t organisation = 1);
  // Returns once every mount has changed with it, as a publish on a strict volume does. [S7]
  void change_volume(VolumeId volume, const VolumeSettings& settings);
  // Forgets the log up to `upto` and the contents that only it showed, as retention will.
  void forget(VolumeId volume, Seq upto);

  Result<Volume> open_volume(const Call& call, std::string_view name) override;
  Result<Volume> describe(const Call& call, VolumeId volume) override;
  Result<Applied> apply(const Call& call, VolumeId volume, const Batch& batch) override;
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
  Status settle(const Call& call, VolumeId volume, Seq seq) override;

 private:
  class Watch;
  // What is remembered of one client's requests. [S8]
  struct Requests {
    std::map<std::uint64_t, Applied> answers;
    std::uint64_t forgotten = 0;  // this number and all below it
  };
  struct Shelf {
    explicit Shelf(Volume volume, Timestamp now) : tree(std::move(volume), now) {}
    MemoryVolume tree;
    std::map<ClientId, Requests> requests;
    std::list<std::shared_ptr<FeedSink>> watchers;
    MemoryLocks locks;
  };

  Result<Applied> apply_once(const Call& call, VolumeId volume, const Batch& batch);
  Result<Shelf*> shelf(VolumeId volume) REQUIRES_LOCK(mutex_);
  // A volume's tree now, or as it was.
  struct TreeAt {
    const MemoryVolume& now;
    std::optional<MemoryTree> past;
    Seq seq;
    const MemoryTree& tree() const { return past ? *past : now.now(); }
  };

  // The shelf, once it has reached what `at` asks for.
  Result<Shelf*> reach(const Call& call, VolumeId volume, const ReadAt& at) REQUIRES_LOCK(mutex_);
  Result<TreeAt> tree_at(const Call& call, VolumeId volume, const ReadAt& at) REQUIRES_LOCK(mutex_);
  Result<Applied> commit(const Call& call, Shelf& shelf, const Batch& batch) REQUIRES_LOCK(mutex_);
  // memory_store_locks.cpp
  Result<LockAnswer> take_lock(const Call& call, VolumeId volume, const LockQuery& query);
  Status wait_for_lock(const Call& call, Shelf& shelf, const LockQuery& query,
                       const LockRange& range) REQUIRES_LOCK(mutex_);
  static void publish(Shelf& shelf, const std::vector<Change>& changes);

  const Clock& clock_;
  const NoContentRules no_rules_;
  const ContentRules& rules_;
  MountAcks acks_;
  Mutex mutex_;
  Condition advanced_;
  std::map<VolumeId, std::unique_ptr<Shelf>> shelves_ GUARDED_BY(mutex_);
};

}  // namespace outboard
