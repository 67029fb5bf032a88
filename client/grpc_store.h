// GrpcStore: a Store that is somewhere else. Calls StoreService and WatchService over one channel.
//
// Place in the flow: mount, CLI or harness → GrpcStore ~wire~ server/rpc → Access → PgStore.
//
// What always holds:
//  - Every call has a deadline; a call without one gets kReadDeadline or kWriteDeadline.
//  - The channel reconnects by itself. Reads, and batches with a request id, are sent again after
//    `unavailable` until their deadline; other batches never are.
//  - All subscriptions share one stream and one thread. When the stream breaks it is opened again
//    and each subscription resumes behind the last change its sink took: sinks see no gap and no
//    end for it. Meanwhile connected() is false and current_as_of() stands still.
//  - A sink's offer() is called on the stream's thread.
//
// Every function may be called from any thread. No subscription may outlive its GrpcStore.
#pragma once

#include <memory>
#include <string>

#include "client/channel_config.h"
#include "core/store.h"

namespace outboard::client {

class GrpcStore final : public Store {
 public:
  // Shakes hands: unavailable when nobody answers until `deadline`, unsupported when the server
  // lacks what this client needs.
  static Result<std::unique_ptr<GrpcStore>> connect(const ChannelConfig& config, Moment deadline);
  ~GrpcStore() override;
  GrpcStore(const GrpcStore&) = delete;
  GrpcStore& operator=(const GrpcStore&) = delete;

  // Names this client in request ids, changes and locks: as configured, or random.
  ClientId client() const;
  const std::string& server_version() const;
  // When the token does that the last volume was opened with, by the server's clock; 0: not known.
  Timestamp token_expires() const;

  // Whether the watch stream stands. True while there is no subscription.
  bool connected() const;
  // Until it does; false: not by then.
  bool await_connected(Moment deadline);
  // The last moment at which the server was heard on the watch stream; while there is no
  // subscription, now.
  Moment current_as_of() const;
  // Since when the server has been heard without a silence of kLeaseSilence; Moment::max(): it is
  // silent for that long. Locks that were taken earlier may be another's by now. [S54]
  Moment heard_since() const;
  // Tells the server that this mount sleeps or is awake again; strict volumes need not wait for a
  // sleeping one. [S7]
  void set_frozen(bool frozen);
  // Until the server has said that it takes this mount for one that sleeps. false: not by
  // `deadline`, or it is out of reach, or was not told so.
  bool await_frozen(Moment deadline);
  // For the end: no feed comes any more, and subscribe() answers `unavailable` without waiting.
  void stop_watching();

  Result<Volume> open_volume(const Call& call, std::string_view name) override;
  Result<Volume> describe(const Call& call, VolumeId volume) override;
  Result<Applied> apply(const Call& call, VolumeId volume, const Batch& batch) override;
  Result<At<Entry>> lookup(const Call& call, VolumeId volume, const NameRef& name,
                           const ReadAt& at = {}) override;
  Result<At<Node>> attributes(const Call& call, VolumeId volume, const NodeRef& node,
                              const ReadAt& at = {}) override;
  Result<At<Page>> list(const Call& call, VolumeId volume, const NodeRef& directory,
                        std::string_view after, std::uint32_t limit,
                        const ReadAt& at = {}) override;
  Result<At<Content>> read(const Call& call, VolumeId volume, Inode inode, Version version,
                           std::uint64_t offset, std::size_t size) override;
  Result<At<std::vector<Result<Content>>>> read_many(const Call& call, VolumeId volume,
                                                     const std::vector<ContentKey>& keys) override;
  Result<Seq> snapshot(const Call& call, VolumeId volume, const SnapshotQuery& query,
                       const std::function<void(SnapshotPart)>& take) override;
  Result<At<Xattrs>> xattrs(const Call& call, VolumeId volume, Inode inode,
                            const ReadAt& at) override;
  Result<At<std::vector<Change>>> history(const Call& call, VolumeId volume,
                                          const HistoryQuery& query) override;
  Result<At<std::vector<VersionInfo>>> versions(const Call& call, VolumeId volume,
                                                const NodeRef& node) override;
  Result<SearchSummary> search(const Call& call, VolumeId volume, const SearchQuery& query,
                               const TakeSearched& take) override;
  Result<std::unique_ptr<Subscription>> subscribe(const Call& call, VolumeId volume, Seq after,
                                                  std::shared_ptr<FeedSink> sink) override;
  // One that waits is asked for once and answered on a thread of gRPC's; all others are on the
  // caller's thread, until the answer is there.
  void lock(const Call& call, VolumeId volume, const LockQuery& query, LockDone done) override;
  Status settle(const Call& call, VolumeId volume, Seq seq) override;

 private:
  struct Parts;
  explicit GrpcStore(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace outboard::client
