// Store: the one interface of Outboard, spoken on both sides of the wire.
//
// The mount calls a Store, the service serves one. MemoryStore, PgStore and GrpcStore implement it;
// Access wraps one. tests/conformance judges them all by the same suite.
//
// What always holds:
//  - Every answer carries the volume's seq as of which it is true.
//  - Within a volume changes have one order without gaps; a read that asks "at least seq n" never
//    answers from before n, it waits until the deadline and says timed_out.
//  - A version's bytes never change.
//  - A node the caller has no grant for is not_found, not no_access: names can be secrets.
//
// Every function may be called from any thread, blocks until its answer or the call's deadline, and
// throws nothing. Any of them may answer unavailable, timed_out or unauthenticated.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/call.h"
#include "core/change.h"
#include "core/entry.h"
#include "core/feed.h"
#include "core/op.h"
#include "core/result.h"
#include "core/search.h"

namespace outboard {

// An answer and the seq as of which it is true.
template <class T>
struct At {
  T value;
  Seq seq;
};

// From when a read may be answered. Default: from whatever is current.
struct ReadAt {
  Seq at_least;                         // wait for it
  std::optional<std::string> revision;  // a published revision's name; else the head
  // The tree as it stood behind this change; a seq that has not come yet is waited for.
  // history_gone: the log no longer reaches back to it. [S28]
  std::optional<Seq> as_of = std::nullopt;
};

// What one step did.
struct Outcome {
  Node node;      // the node it acted on, as it is after the batch
  Dentry dentry;  // the name it acted on; parent 0 when it went by inode
  Seq seq;        // of its last change; 0: it changed nothing
  bool created = false;
  bool conflict = false;  // it overrode, or could not be merged with, what was not seen [S4]
  std::vector<std::string> warnings = {};  // rules of the volume's that it breaks [S22, S32]
  bool merged = false;                     // the new version has others' changes in it, too [S35]
  std::optional<Dentry> conflict_copy =
      {};  // where the caller's bytes are, the node being as it was
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

struct Applied {
  Seq first;  // of the batch's changes; 0: none
  Seq last;
  std::vector<Outcome> outcomes;  // one for each step
  bool repeated = false;          // this request had happened already [S8]
};

struct Page {
  std::vector<Entry> entries;  // by name, bytewise
  std::string next;            // pass as `after` for the next page; empty: that was all
};

struct Content {
  Version version;
  std::uint64_t size = 0;  // of the whole version
  std::string bytes;       // of the asked range; shorter only at the end
};

// One file asked for in read_many: its content whole. Version{0}: the current one.
struct ContentKey {
  Inode inode;
  Version version;
  friend auto operator<=>(const ContentKey&, const ContentKey&) = default;
};

struct VersionInfo {
  Version version;
  Seq seq;
  std::uint64_t size = 0;
  std::optional<Sha256> digest;
  Origin origin;
  Timestamp at;
  bool conflict = false;
  bool redacted = false;
};

struct HistoryQuery {
  std::optional<NodeRef> node;  // unset: the whole volume
  Seq after;                    // only changes behind this seq
  Seq before;                   // only changes ahead of this seq; 0: no bound
  bool newest_first = true;
  std::uint32_t limit = 100;  // at most kPageEntriesMax
  // Only changes by them; all that are set count.
  SessionId session = {};
  OpId op = {};                // one tool call
  std::string principal = {};  // "ada"; empty: anybody
  // Only removals of names from this directory, of a removed one too, and of that one name if it is
  // given: those among the kRemovalsLookedAt newest changes by which such names went, be they moved
  // or removed. Newest first, whatever `newest_first` says; `node` is not asked then.
  std::optional<Inode> removed_from = {};
  std::string removed_name = {};
};

// One part of a snapshot. Parents come before their children.
struct SnapshotPart {
  std::vector<Entry> entries;
  std::vector<std::pair<ContentKey, std::string>> bodies;  // of files in this part, the small ones
  // What of the volume the caller is shown, for FeedSink::loaded() to say again; the same in every
  // part. Empty where nobody stands before the store.
  std::string loaded = {};
};

struct SnapshotQuery {
  ReadAt at;
  std::uint64_t bodies_bytes_max = kSnapshotBodiesBytesMax;  // 0: metadata only
  // Only what stands at and below these paths, with the directories above; none: all. Set by the
  // server for callers who see a part, from Scope::prefixes(); it does not travel.
  std::vector<std::string> within = {};
};

enum class LockKind : std::uint8_t { shared, exclusive };

// A byte range of a file as fcntl(2) locks it, or the file as flock(2) does: the two know nothing
// of each other. Held by `owner` of one client, under a lease. [S36]
struct LockQuery {
  Inode inode;
  ClientId client;
  std::uint64_t owner = 0;
  std::uint64_t start = 0;
  std::uint64_t length = 0;      // 0: to the end, wherever that will be
  std::optional<LockKind> kind;  // unset: unlock
  bool wait = false;             // until the deadline; else conflict at once
  bool whole_file = false;       // flock's: start and length are 0
  bool test = false;             // only ask who is in the way
};

// Who is in the way of a lock.
struct LockHolder {
  ClientId client;  // nil: another client's, whose name is not told
  std::uint64_t owner = 0;
  std::uint64_t start = 0;
  std::uint64_t length = 0;  // 0: to the end
  LockKind kind = LockKind::shared;
  friend bool operator==(const LockHolder&, const LockHolder&) = default;
};

struct LockAnswer {
  Seq seq;                           // the holder must have caught up to here: what former holders
                                     // published is at or before it
  std::optional<LockHolder> holder;  // of a test: one that is in the way
};

// Takes the answer to a submitted batch: once, perhaps before submit() has returned, else on a
// thread of the store. Must not block.
using ApplyDone = std::function<void(Result<Applied>)>;

// Takes the answer to a lock: once, perhaps before lock() has returned, else from a thread of the
// store. Must not block.
using LockDone = std::function<void(Result<LockAnswer>)>;

class Store {
 public:
  virtual ~Store() = default;

  // not_found when there is none of that name, or none the caller may see.
  virtual Result<Volume> open_volume(const Call& call, std::string_view name) = 0;
  // The same by number: not_found when there is none, or none the caller may see.
  virtual Result<Volume> describe(const Call& call, VolumeId volume) = 0;

  // Commits `batch` whole and durably, or refuses it whole.
  // conflict: a precondition, or a stale base under policy `refuse`. no_space: a quota.
  // fenced: the caller's epoch or generation is no longer current.
  virtual Result<Applied> apply(const Call& call, VolumeId volume, const Batch& batch) = 0;
  // As apply(), but nobody waits: thousands of batches may be under way without a thread for each.
  virtual void submit(const Call& call, VolumeId volume, Batch batch, ApplyDone done) {
    done(apply(call, volume, batch));
  }

  // The entry at a path, or of a name in a directory. Symlinks are not followed.
  virtual Result<At<Entry>> lookup(const Call& call, VolumeId volume, const NameRef& name,
                                   const ReadAt& at = {}) = 0;
  // A node by number or path; a removed node is answered while its inode is still held.
  virtual Result<At<Node>> attributes(const Call& call, VolumeId volume, const NodeRef& node,
                                      const ReadAt& at = {}) = 0;
  // Up to `limit` entries behind the name `after`.
  virtual Result<At<Page>> list(const Call& call, VolumeId volume, const NodeRef& directory,
                                std::string_view after, std::uint32_t limit,
                                const ReadAt& at = {}) = 0;
  // Bytes [offset, offset + size) of a version; Version{0} is the current one. size is at most
  // kReadBytesMax. not_found: no such version, or its history was pruned, or it was redacted.
  virtual Result<At<Content>> read(const Call& call, VolumeId volume, Inode inode, Version version,
                                   std::uint64_t offset, std::size_t size) = 0;
  // Whole contents of up to kReadManyMax files, in order; each on its own may fail.
  virtual Result<At<std::vector<Result<Content>>>> read_many(
      const Call& call, VolumeId volume, const std::vector<ContentKey>& keys) = 0;
  // All entries as of one seq, in parts, to `take` (on the caller's thread). The seq is the answer.
  virtual Result<Seq> snapshot(const Call& call, VolumeId volume, const SnapshotQuery& query,
                               const std::function<void(SnapshotPart)>& take) = 0;
  // All of a node's extended attributes; of a removed one while its inode is still held. As of a
  // seq: history_gone also when what one of them was has been let go for its bytes, or redacted.
  // [S28]
  virtual Result<At<Xattrs>> xattrs(const Call& call, VolumeId volume, Inode inode,
                                    const ReadAt& at = {}) = 0;
  // The paths of each node's names, in the order asked, at most kPathsOfNodeMax for a node; of a
  // removed one the path at its last change; nothing for a number that no node has, or had then.
  // Asked by who stands before a store and shows only a part of it; `unsupported` elsewhere.
  virtual Result<At<std::vector<std::vector<std::string>>>> paths(const Call& call, VolumeId volume,
                                                                  const std::vector<Inode>& inodes,
                                                                  const ReadAt& at = {});

  // The log, newest or oldest first.
  virtual Result<At<std::vector<Change>>> history(const Call& call, VolumeId volume,
                                                  const HistoryQuery& query) = 0;
  // All kept versions of a file, newest first.
  virtual Result<At<std::vector<VersionInfo>>> versions(const Call& call, VolumeId volume,
                                                        const NodeRef& node) = 0;

  // Files whose text matches, in the order of their paths, to `take` (on the caller's thread).
  // Ends within the limits of core/limits.h and before the deadline; the summary says how far it
  // came. invalid: a pattern that is none. [S47]
  virtual Result<SearchSummary> search(const Call& call, VolumeId volume, const SearchQuery& query,
                                       const TakeSearched& take) = 0;

  // Every change behind `after`, then each new one, to `sink`, until the answer is destroyed or an
  // item with `end` has been offered. history_gone: take a snapshot first.
  virtual Result<std::unique_ptr<Subscription>> subscribe(const Call& call, VolumeId volume,
                                                          Seq after,
                                                          std::shared_ptr<FeedSink> sink) = 0;

  // Takes, changes, gives up or asks about a lock. A client's locks last while it has a
  // subscription, and kLockGrace beyond. conflict: somebody is in the way; with `wait`, each would
  // wait for the other for ever. timed_out: the deadline passed while it waited.
  virtual void lock(const Call& call, VolumeId volume, const LockQuery& query, LockDone done) = 0;

  // Of a strict volume: returns once no mount shows anything older than `seq`, kStrictLease later
  // at the latest, when those that do not answer have none to show. At once for other volumes.
  // unavailable: too many wait for mounts by now. unsupported: a server that does not know of it.
  // [S7]
  virtual Status settle(const Call& call, VolumeId volume, Seq seq);
};

}  // namespace outboard
