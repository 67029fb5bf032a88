// Access: a Store that shows a caller only what its token's grants allow.
//
// Place in the flow: server/rpc → Access → PgStore (or MemoryStore). RpcServer puts it in front of
// whatever it serves, so no service can forget it.
//
// What always holds:
//  - Without a grant a volume is not_found, by name and by number alike: names can be secrets.
//  - A volume belongs to one organisation for ever; a caller of organisation n (not 0) reaches
//    volumes of n only, whatever its grants say. Grants for volume 0 cover all of n.
//  - Writes and exclusive locks need a grant with `write`; else read_only.
//  - A grant below "/" shows its path and what is below, and above it nothing but the directories
//    that lead there; the rest is as if it were not there (server/scoped_reader.h, server/sight.h).
//    What is written is checked inside the transaction, by the rules: here only that there is
//    anything to write to. [S39]
//  - Who resumes a feed under other grants than those it loaded the volume with must load it anew:
//    no change would tell what it no longer sees. Clients carry what they loaded with them, so any
//    server knows; of those that do not say, this one remembers it. [S40]
//  - An auditor reads the log of all volumes of the organisation, and nothing else of them.
//
// Callable from any thread. Keeps in memory whose a volume is and what it is called, and which part
// of it each client has loaded; nothing else.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <utility>

#include "core/guarded.h"
#include "core/scope.h"
#include "core/store.h"
#include "server/rates.h"
#include "server/trail.h"

namespace outboard::server {

class Access final : public Store {
 public:
  // All must outlive this. `trail` hears of refused mutations and of reads, `rates` counts content;
  // null: nobody does.
  explicit Access(Store& store, Trail* trail = nullptr, Rates* rates = nullptr)
      : store_(store), trail_(trail), rates_(rates) {}
  Access(const Access&) = delete;
  Access& operator=(const Access&) = delete;

  Result<Volume> open_volume(const Call& call, std::string_view name) override;
  Result<Volume> describe(const Call& call, VolumeId volume) override;
  Result<Applied> apply(const Call& call, VolumeId volume, const Batch& batch) override;
  void submit(const Call& call, VolumeId volume, Batch batch, ApplyDone done) override;
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
                            const ReadAt& at = {}) override;
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
  // Whose a volume is and what it is called; the name may be changed, so it counts for a while
  // only.
  struct Owned {
    std::uint64_t organisation = 0;
    std::string name;
    Moment named_until{};
  };
  using Owners = std::unordered_map<VolumeId, Owned>;

  // Which part of a volume a client has loaded: Scope::prefixes() as one text. Of a whole nothing.
  using Loaded = std::map<std::pair<ClientId, VolumeId>, std::string>;

  // Notes what the client is about to load, or (false) finds that it had loaded something else.
  void note_loaded(const Call& call, VolumeId volume, const Scope& scope);
  // `said`: by the client itself; empty: nothing.
  bool has_loaded(const Call& call, VolumeId volume, const Scope& scope, const std::string& said);

  // As far as grants_in() needs it. Asks the store when it is not remembered.
  Result<Volume> owner_of(const Call& call, VolumeId volume);
  void remember(const Volume& volume);
  // What the caller sees of it. The call's grants become those in this volume, by number.
  // not_found: nothing.
  Result<Scope> scope_of(Call& call, VolumeId volume);
  // The call with its grants in this volume, when it may send such a batch there. read_only: no
  // grant writes. no_access: only administrators redact.
  Result<Call> admitted(const Call& call, VolumeId volume, const Batch& batch);
  // The volume as the caller may know of it.
  Result<Volume> shown(const Call& call, Volume volume, std::string subject);
  void refused(const Call& call, VolumeId volume, const Batch& batch, const Error& error);
  ApplyDone recorded(const Call& call, VolumeId volume, const Batch& batch, ApplyDone done);

  void count(const Call& call, std::uint64_t bytes) const {
    if (rates_ != nullptr) rates_->count(call.caller, bytes);
  }

  Store& store_;
  Trail* const trail_;
  Rates* const rates_;
  Guarded<Owners> owners_;
  Guarded<Loaded> loaded_;
};

}  // namespace outboard::server
