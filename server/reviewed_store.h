// ReviewedStore: a Store whose reviewed volumes show their readers what is published, and nothing
// newer. [S33, D19]
//
// Place in the flow: Access → ReviewedStore → PgStore. Whoever may write anything in a volume sees
// its head; all others see the tree as of the volume's pointer, whatever they ask: names,
// attributes, contents by version, log, feed. The feed of readers moves when the pointer does: all
// changes of a publish come as one item, so that a mount switches its whole tree at once; when they
// are too many for a queue the feed ends with history_gone and the mount takes a snapshot instead.
//
// A token that is pinned to a revision sees that tree for its life, and changes nothing.
// It also answers ReadAt::revision, for everybody: a revision is the tree as of its seq.
// Extended attributes are not in the log, so a reader sees those of now. Any thread.
#pragma once

#include "core/store.h"
#include "server/feed.h"
#include "server/pointers.h"

namespace outboard::server {

class ReviewedStore final : public Store {
 public:
  // `feed` is the readers': its log ends at the pointer. All must outlive this.
  ReviewedStore(Store& store, RevisionReader& revisions, Pointers& pointers, Feed& feed)
      : store_(store), revisions_(revisions), pointers_(pointers), feed_(feed) {}

  Result<Volume> open_volume(const Call& call, std::string_view name) override;
  Result<Volume> describe(const Call& call, VolumeId volume) override;
  Result<Applied> apply(const Call& call, VolumeId volume, const Batch& batch) override;
  void submit(const Call& call, VolumeId volume, Batch batch, ApplyDone done) override;
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
  // Where nodes stand in the tree that the caller sees: a draft's renames move no reader's border.
  Result<At<std::vector<std::vector<std::string>>>> paths(const Call& call, VolumeId volume,
                                                          const std::vector<Inode>& inodes,
                                                          const ReadAt& at) override;
  Result<At<std::vector<Change>>> history(const Call& call, VolumeId volume,
                                          const HistoryQuery& query) override;
  Result<At<std::vector<VersionInfo>>> versions(const Call& call, VolumeId volume,
                                                const NodeRef& node) override;
  Result<std::unique_ptr<Subscription>> subscribe(const Call& call, VolumeId volume, Seq after,
                                                  std::shared_ptr<FeedSink> sink) override;
  Result<SearchSummary> search(const Call& call, VolumeId volume, const SearchQuery& query,
                               const TakeSearched& take) override;
  void lock(const Call& call, VolumeId volume, const LockQuery& query, LockDone done) override;
  Status settle(const Call& call, VolumeId volume, Seq seq) override;

 private:
  // How far the caller sees; nothing: all of it.
  Result<std::optional<Seq>> horizon(const Call& call, VolumeId volume);
  // `at` as the store below is asked, within the horizon; waits for at.at_least.
  Result<ReadAt> placed(const Call& call, VolumeId volume, const ReadAt& at,
                        std::optional<Seq>& horizon);
  Result<std::unique_ptr<Subscription>> still(const Call& call, VolumeId volume, Seq pin,
                                              std::shared_ptr<FeedSink> sink);
  Result<Volume> shown(const Call& call, Volume volume);

  Store& store_;
  RevisionReader& revisions_;
  Pointers& pointers_;
  Feed& feed_;
};

}  // namespace outboard::server
