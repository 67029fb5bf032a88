// MountedVolume: one volume as a filesystem: verbs in, the kernel's caches told what to drop.
//
// kernel/ops → a verb here → tree (answers at once, or once the directory is here), or Store::apply
// (names, attributes), or the write buffers (content, published at flush). follower → absorb_feed()
// → tree → Invalidator.
//
// What always holds:
//  - A verb answers by its deadline; the store is never called with the lock held.
//  - Own changes are not announced to the kernel, which made them; all others are.
//  - Bytes given to write() are published, answered for by flush() or fsync(), kept for another
//    try, put beside the file as a conflict copy, or reported in the log: never lost unsaid. [S2]
//
// Any thread may call any verb; destroy it only after the last of them has returned.
// Lock order: one lock, before the store's (counted_); the Invalidator is called without it.
#pragma once

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/guarded.h"
#include "core/store.h"
#include "fusefs/volume/answers.h"
#include "fusefs/volume/block_cache.h"
#include "fusefs/volume/invalidator.h"
#include "fusefs/volume/lock_threads.h"
#include "fusefs/volume/mountpoints.h"
#include "fusefs/volume/publish_counts.h"
#include "fusefs/volume/request_numbers.h"
#include "fusefs/volume/sibling_threads.h"
#include "fusefs/volume/view.h"
#include "fusefs/volume/volume_state.h"

namespace outboard::fusefs {

class MountedVolume {
 public:
  // Loads the tree. `store`, `numbers`, `invalidator` and `clock` must outlive it.
  static Result<std::unique_ptr<MountedVolume>> open(Store& store, RequestNumbers& numbers,
                                                     Invalidator& invalidator, const Clock& clock,
                                                     std::string_view name, const View& view,
                                                     Moment deadline);
  MountedVolume(const MountedVolume&) = delete;
  MountedVolume& operator=(const MountedVolume&) = delete;

  const View& view() const { return view_; }
  const Volume& volume() const { return volume_; }
  // Whether the kernel may remember names, listings and bytes until it is told to forget them. [S7]
  bool strict() const { return strict_; }
  bool lasting() const {
    return !strict_ && view_.kernel_forgets && (!on_demand_ || forgets_all());
  }
  // Whether all names are here; else each directory is loaded when somebody looks into it. [S61]
  bool is_whole() const { return !on_demand_; }

  // ── Names: volume.cpp, volume_names.cpp ──
  // Counts one lookup of what it answers. name_too_long before not_found. `.history` is found in
  // the root, but never listed. [S11]
  Result<Shown> lookup(NodeId directory, std::string_view name);
  void forget(NodeId node, std::uint64_t lookups);
  // Up to `limit` entries behind `cookie`; with `plus`, counts one lookup for each (not "." "..").
  Result<std::vector<Listed>> list(NodeId directory, std::uint64_t cookie, std::size_t limit,
                                   bool plus);
  Result<Shown> make_directory(NodeId directory, std::string_view name, std::uint32_t mode,
                               const Requester& who);
  Result<Shown> make_node(NodeId directory, std::string_view name, Kind kind, std::uint32_t mode,
                          std::uint64_t device, const Requester& who);
  Result<Shown> make_symlink(NodeId directory, std::string_view name, std::string_view target,
                             const Requester& who);
  Result<Shown> make_link(NodeId node, NodeId directory, std::string_view name);
  Status remove(NodeId directory, std::string_view name, bool is_directory);
  Status rename(NodeId directory, std::string_view name, NodeId to_directory,
                std::string_view to_name, RenameMode mode);

  // ── Attributes: volume_attributes.cpp ──
  Result<Shown> attributes(NodeId node);
  // `handle` 0: by name.
  Result<Shown> set_attributes(NodeId node, const AttributeChange& change, HandleId handle);
  Result<std::string> read_symlink(NodeId node);
  // user.outboard.* are made here: of the bytes that this id shows, with one question to the store
  // at most. [S11]
  Result<std::string> xattr(NodeId node, std::string_view name);
  Result<std::vector<std::string>> xattr_names(NodeId node);
  Status set_xattr(NodeId node, std::string_view name, std::string_view value, XattrMode mode);
  Status remove_xattr(NodeId node, std::string_view name);
  // With a question to the store, and one second's patience: else as of an earlier answer.
  Space space();

  // ── Content: volume_io.cpp ──
  Result<Opened> open_file(NodeId node, const OpenMode& mode);
  // As open(O_CREAT): makes the file if it is not there, or refuses when `exclusive`.
  Result<std::pair<Shown, Opened>> create(NodeId directory, std::string_view name,
                                          std::uint32_t mode, const OpenMode& open, bool exclusive,
                                          const Requester& who);
  Result<std::string> read(NodeId node, std::uint64_t offset, std::uint64_t size);
  // With `append` to the end, wherever that is when it is published.
  Result<std::size_t> write(HandleId handle, std::uint64_t offset, std::string_view bytes,
                            bool append);
  // Publishes all unsaved bytes of the handle's file, but not a bare truncation. [S2]
  Status flush(HandleId handle);
  // Publishes a bare truncation, too.
  Status sync(HandleId handle);
  // What cannot be published becomes a conflict copy, or stays for publish_due().
  void release(HandleId handle);
  // Of a view with stored owners: takes the set-user-id and set-group-id bits of a file that
  // somebody writes who may not keep them, and tells the kernel, which does not know of it.
  Status clear_set_id(NodeId node);
  // Extends the file to offset + size (mode 0 of fallocate).
  Status allocate(HandleId handle, std::uint64_t offset, std::uint64_t size);

  // ── Locks: volume_locks.cpp [S54] ──
  // Publishes the file's unsaved bytes, then takes, changes or gives up a lock; the holder sees
  // what former ones published. False: somebody is in the way.
  Result<bool> try_lock(const LockAsk& ask);
  // After that: waits for the lock, however long, until `given_up`; `reply` comes once, from a
  // thread "lock". conflict: a circle of waiters. timed_out: given up, or the server is away.
  void await_lock_later(const LockAsk& ask, std::shared_ptr<Cancellation> given_up,
                        LockReply reply);
  Result<std::optional<LockHolder>> test_lock(const LockAsk& ask);
  // The process of this mount that holds it; 0: another mount's, or an open file's.
  std::int32_t process_of(NodeId node, const LockHolder& holder) const;
  // At a close: fcntl's locks of `owner` in the file go, once its bytes are published.
  void end_locks(HandleId handle, std::uint64_t owner);
  // For the end: answers all that wait for a lock, and refuses those that come.
  void end_waits();

  // ── For views inside this one: volume_names.cpp [S56] ──
  // A name in the root belongs to the view that is to stand there, from its return on for the
  // kernel, too. timed_out: the kernel has not dropped what it knew of the name; it is as before.
  Status keep_for_view(std::string_view name, Moment deadline);
  // View::mountpoints as they are by now.
  std::vector<std::string> mountpoints() const { return mountpoints_.names(); }
  // No view stands there any more: the volume's own shows again.
  void give_back(std::string_view name);

  // ── For a quick start: volume_prewarm.cpp ──
  // Brings small files at and below `path` ("/": all) where reading them asks nobody, up to
  // `bytes_max`: into this daemon's memory, and where nobody can write into the kernel's, too, as
  // far as it knows them. not_found: nothing stands there. [S58]
  Result<Prewarmed> prewarm(std::string_view path, std::uint64_t bytes_max, Moment deadline);

  // ── For watchers of what others change: volume_telling.cpp [S12] ──
  // The number of the process that makes the changes once more. Before any verb.
  void set_teller(std::int32_t process) { teller_ = process; }
  bool tells() const { return teller_ != 0; }
  bool told_by(std::int32_t process) const { return teller_ != 0 && process == teller_; }
  // Ends the telling before; waits for the next, which its teller may then make. Nothing: the end.
  std::optional<Telling> next_telling();
  // From here on none comes.
  void end_tellings();
  // None comes until resume_tellings(). False: one is under way at `until`, and all goes on. [S59]
  bool pause_tellings(Moment until);
  void resume_tellings();
  // What the teller alone is shown: nothing: what all are. not_found: it is to make that.
  std::optional<Result<Shown>> told_lookup(NodeId directory, std::string_view name);
  // What it makes is there already (counts a lookup), or is done already. unavailable: it was not
  // to do that, and nothing was done.
  Result<Shown> told_made(NodeId directory, std::string_view name);
  Status told_gone(NodeId directory, std::string_view name);
  Status told_moved(NodeId directory, std::string_view name, NodeId to_directory,
                    std::string_view to_name);

  // ── For the flusher ──
  // Publishes appends older than kAppendAge and what a release left behind; then tells the store
  // of locks what it may have missed.
  void publish_due();
  // The moment of the next duty; Moment::max(): none.
  Moment next_due() const;
  // For the end: from here on no verb waits for the store beyond `moment`.
  void end_by(Moment moment) { end_by_ = moment; }
  // Publishes what is written so far, also of files that are open; the first refusal, if any.
  Status publish_unsaved();
  // Publishes everything, all of it within one write deadline. Logs what could not be.
  void publish_all();
  // `wake` is called under the lock when a duty may have come.
  void on_dirty(std::function<void()> wake);

  // ── For a successor in another process: volume_handover.cpp [S59] ──
  // From here on nobody who waits for a lock is answered. False: somebody still is at `until`, and
  // all goes on.
  bool park(Moment until) { return lock_threads_.pause(until); }
  void unpark() { lock_threads_.resume(); }
  // All that it needs to go on, as of one moment. REQUIRES: parked, no other verb is being called
  // and the flusher is paused, until unpark(); the feed may go on.
  std::string tables() const;
  // A volume as tables() has told of it. corrupt: they cannot be read.
  static Result<std::unique_ptr<MountedVolume>> take_over(Store& store, RequestNumbers& numbers,
                                                          Invalidator& invalidator,
                                                          const Clock& clock, const View& view,
                                                          Volume volume, std::string_view tables);
  // What the former daemon may not have told the kernel any more.
  void announce_again(std::vector<Notice> notices);

  // ── For the follower ──
  Seq seq() const;
  // FeedSink::loaded() of who follows on the tree.
  std::string loaded() const;
  // The highest that the server has told of, in the feed or in an answer.
  Seq head() const;
  void absorb_feed(const FeedItem& item);
  // The log no longer reaches back: loads a new tree and tells the kernel all differences.
  Status resynchronise(Moment deadline);
  void set_stale(bool stale);
  // Its volume is strict from here on, or no longer. volume_current.cpp [S7]
  void set_strict(bool strict);
  // Whether the kernel may yet show, unasked, what was before something that was absorbed; makes it
  // forget what it remembers of a volume that has become strict. Waits kAcknowledgeWait at most,
  // but for the first time after set_strict().
  bool remembers();
  // Whether the kernel keeps up with what it is told; waits for that until the moment.
  bool has_room(Moment until) { return invalidator_.has_room(until); }
  // A sandbox's programs sleep: what was proved about a strict volume before is worth nothing when
  // they wake. [S7]
  void set_frozen(bool frozen);
  bool frozen() const;
  // The barrier to whatever the store has by now; ends a doubt that is older. [S55]
  Status reach_head(Moment deadline);
  // This process slept: what it holds may be old. Until reach_head() has worked names, listings and
  // opens wait, kWakeWait at most; then they are answered from what is here, and stale() says so.
  void doubt();
  bool doubtful() const { return doubtful_; }
  // Whether it has slept and nobody has doubted yet. Before any verb; without it, never.
  void watch_sleep(std::function<bool()> slept) { slept_ = std::move(slept); }
  // Asked by stale(), too; before any verb.
  void watch_connection(std::function<bool()> connected) { connected_ = std::move(connected); }
  // Asked for the lease of a strict volume; without it, there is none. Under the lock. [S7]
  void watch_counted(std::function<bool()> counted);
  // Since when the server is heard without a silence that costs the lease of locks; Moment::max():
  // it is silent. Before any verb; without it, always.
  void watch_lease(std::function<Moment()> heard_since) { heard_since_ = heard_since; }
  bool stale() const;
  // Whoever waits in a verb looks whether its caller is still there.
  void wake_waiting();
  // volume_figures.cpp
  Census census() const;
  void measure(Figures& to, const Labels& view) const;
  // The barrier: true once everything up to `seq` is in the tree and the kernel has been told. [S6]
  bool wait_until(Seq seq, Moment deadline);

 private:
  using State = VolumeState;
  using Notices = std::vector<Notice>;

  MountedVolume(Store& store, RequestNumbers& numbers, Invalidator& invalidator, const Clock& clock,
                const View& view, Volume volume);

  // volume_handover.cpp
  template <class Pack>
  static void describe_state(Pack& pack, State& state);
  HeldLocks locks_to_hand() const REQUIRES_LOCK(mutex_);

  Moment read_deadline() const {
    return std::min(clock_.now() + view_.read_deadline, end_by_.load());
  }
  Moment write_deadline() const {
    return std::min(clock_.now() + view_.write_deadline, end_by_.load());
  }
  Status load(TreeCache& tree, Moment deadline);

  // volume_names.cpp
  // While it lives, nothing is published of the file at a name that is being taken away: what is
  // under way ends before, and what comes finds that the file was removed here.
  class Leaving {
   public:
    Leaving(MountedVolume& volume, const NameRef& name);
    ~Leaving();
    Leaving(const Leaving&) = delete;
    Leaving& operator=(const Leaving&) = delete;

   private:
    MountedVolume& volume_;
    NodeId node_;  // none: nobody knows the name here
  };

  // volume_directories.cpp
  // While it lives, nothing that came since is dropped again.
  class Stay {
   public:
    explicit Stay(MountedVolume& volume);
    ~Stay();
    Stay(const Stay&) = delete;
    Stay& operator=(const Stay&) = delete;

   private:
    MountedVolume& volume_;
    std::uint64_t since_ = 0;
  };
  // Whether so much is in it that it is not loaded whole.
  bool too_large(const Volume& volume) const { return volume.used_nodes >= view_.tree_nodes_max; }
  // Whether the kernel can be told to look up every name again: it would take out of the tree the
  // views that stand in this one.
  bool forgets_all() const { return view_.kernel_forgets_all && !mountpoints_.any(); }
  bool drops_names() const { return on_demand_ || forgets_all(); }
  // The root alone, as of at least tree.seq().
  Status begin(TreeCache& tree, Moment deadline);
  // What stands at the name is known from here on, or, without a name, all that the directory
  // holds, for as long as a Stay lives that began before. not_found: the directory was removed.
  // REQUIRES: no lock is held.
  Status know(Inode directory, std::string_view name = {});
  Status load_directory(Inode directory);
  Result<At<std::vector<Entry>>> list_whole(Inode directory, ReadAt at, Moment deadline);
  // Of nodes that nobody lists and the kernel does not know.
  void drop_unlisted() REQUIRES_LOCK(mutex_);
  // Drops names above the view's budget.
  void shrink(Notices& notices) REQUIRES_LOCK(mutex_);
  // After a gap in the news: nothing is here but what is in use.
  using Answers = std::map<Inode, std::optional<Node>>;
  Status begin_again(Moment deadline);
  Result<Answers> ask_again(Seq as_of, Moment deadline);
  // Directories that the kernel knows, and open files.
  std::vector<Inode> in_use() const REQUIRES_LOCK(mutex_);
  void announce_anew(const TreeCache& before, Notices& notices) REQUIRES_LOCK(mutex_);
  // Up to here the kernel is being told.
  void note_posted(Seq seq);
  // Waits for changed_. False: `deadline` has passed, or nobody waits for the answer any more.
  bool wait_for_change(Moment deadline) const REQUIRES_LOCK(mutex_);

  // The node of a binding, pinned or current. Nothing when it is gone.
  const Node* node_of(NodeId id) const REQUIRES_LOCK(mutex_);
  const Node* node_of(const Binding& binding) const REQUIRES_LOCK(mutex_);
  Shown shown_of(const Binding& binding, const Node& node) const REQUIRES_LOCK(mutex_);
  Shown look_up(Inode inode) REQUIRES_LOCK(mutex_);
  // Of list(), when all that the directory holds is here.
  std::vector<Listed> list_here(NodeId directory, Inode inode, std::uint64_t cookie,
                                std::size_t limit, bool plus) REQUIRES_LOCK(mutex_);
  Result<Inode> directory_of(NodeId id) const REQUIRES_LOCK(mutex_);
  Result<Inode> inode_of(NodeId id) const REQUIRES_LOCK(mutex_);
  // A name that is to be made, removed or moved.
  Result<NameRef> name_to_change(NodeId directory, std::string_view name) const;
  // Of a directory with the set-group-id bit, in a view with stored owners: the group of what is
  // made in it.
  std::optional<std::uint32_t> given_group(NodeId directory) const;
  bool is_mountpoint_name(const Dentry& name) const;
  void announce_place(std::string_view name);
  void forget_for_views();
  std::vector<std::pair<NodeId, std::string>> known_names(Inode inode) const REQUIRES_LOCK(mutex_);

  // volume_current.cpp [S7]
  // Of a strict volume: whatever anybody's publish had returned for is in the tree.
  Status prove_current();
  // No other mount shows anything older than `seq` any more. REQUIRES: no lock is held.
  Status await_settled(Seq seq, Moment deadline);
  // So that the node may be shown as it is.
  Status await_node_settled(NodeId node);
  Status await_all_settled() { return strict_ ? await_settled(seq(), read_deadline()) : success(); }
  Status await_answer_settled(Moment deadline);
  bool forget_all();
  void await_waking();
  Status check_writable() const;
  Status check_owner(const AttributeChange& change) const;
  void take_back_size(NodeId node, bool refused, std::uint64_t edits);
  Status resize(NodeId node, std::uint64_t size, bool at_once);
  // Times of a file with unsaved bytes travel with them. True: nothing is left to commit.
  bool keep_times(NodeId node, const AttributeChange& change);
  // Changes the extended attributes of a removed file, which the store keeps no more; nothing: the
  // file is not removed.
  std::optional<Status> change_removed(NodeId node, const std::function<Status(Xattrs&)>& change);
  void drop_removed(NodeId node) REQUIRES_LOCK(mutex_);
  Result<std::string> virtual_xattr(const Node& node, std::string_view name);
  Result<std::string> xattr_past(NodeId node, std::string_view name);
  // All that what `.history` shows at `node` had then; directories of names and versions have none.
  Result<Xattrs> xattrs_past(NodeId node);
  // The change that brought the bytes that `node` shows, be it retired or current; of a node
  // without content the one that made it. not_found: the log does not reach back to it. [S11]
  Result<Change> change_that_made(const Node& node);
  // With `announce` the kernel is told of it as of another's change.
  Result<Outcome> commit(const Op& op, bool announce = false);
  // Commits an op that makes a name and looks the node up.
  Result<Shown> make(const Op& op);
  void absorb_outcome(const Op& op, const Outcome& outcome, bool announce);
  // Of a rename that the store put beside its target.
  void announce_aside(const Rename& op, const Dentry& copy);
  void announce_doubt(const Op& op);
  Result<Shown> await_node(const Outcome& outcome, Moment deadline);

  // volume_feed.cpp
  struct Source {
    bool from_feed = false;
    bool own = false;
    bool announce = false;
    NodeId publisher;          // of an own publish: the node id whose bytes these are
    std::uint64_t number = 0;  // of the own request
  };
  void absorb(const Change& change, const Source& source, Notices& notices) REQUIRES_LOCK(mutex_);
  // Bytes were purged: whatever shows the file, in whichever version, asks the store again.
  void absorb_redacted(Inode inode, Notices& notices) REQUIRES_LOCK(mutex_);
  void absorb_content(const Change& change, const Node& old, const Source& source, Notices& notices)
      REQUIRES_LOCK(mutex_);
  void absorb_removed(const Node& old, const Dentry& name, const Source& source)
      REQUIRES_LOCK(mutex_);
  void announce_names(const Change& change, const TreeEffect& effect, NodeId moved,
                      NodeId displaced, Notices& notices) REQUIRES_LOCK(mutex_);
  void announce_name(NoticeKind kind, const Dentry& name, NodeId node, Notices& notices)
      REQUIRES_LOCK(mutex_);
  void announce_attributes(Inode inode, Notices& notices) REQUIRES_LOCK(mutex_);
  void announce_content(NodeId node, std::uint64_t from, Notices& notices) REQUIRES_LOCK(mutex_);
  // Another's content came: the current id keeps `old`, its names are dropped. [S1]
  void retire(const Node& old, Notices& notices) REQUIRES_LOCK(mutex_);
  void compare(const TreeCache& before, Notices& notices) REQUIRES_LOCK(mutex_);
  void compare_names(const TreeCache& before, const TreeNode& directory, Notices& notices)
      REQUIRES_LOCK(mutex_);
  void post(Notices notices);

  // volume_history.cpp: of the verbs of the same names what is below `.history` [S11]
  Result<Shown> lookup_history(NodeId directory, std::string_view name);
  Result<Shown> lookup_moment(std::string_view name);
  Result<Shown> lookup_version(NodeId directory, std::string_view name);
  Result<Shown> lookup_past(const HistoryKey& directory, std::string_view name);
  Result<std::vector<Listed>> list_history(NodeId directory, std::uint64_t cookie,
                                           std::size_t limit, bool plus);
  // What a listing has to be asked for.
  Status load_listed(NodeId directory, std::uint64_t upto);
  std::vector<Listed> list_past(const HistoryRow& row, std::uint64_t cookie, std::size_t limit,
                                bool plus) REQUIRES_LOCK(mutex_);
  Result<Shown> attributes_past(NodeId node);
  Result<std::string> read_symlink_past(NodeId node);
  // Of one that shows what a directory holds now: that is here, as long as a Stay lives. False:
  // there is nothing to know, or no longer.
  Result<bool> know_listed(NodeId directory);
  // As far as it stands where know_listed() said `known`.
  bool is_known(const HistoryRow& row, bool known) const REQUIRES_LOCK(mutex_);
  Result<NamedVersions> versions_shown(NodeId directory);
  // What was removed from a directory, with `name` only that, as it was then.
  Result<RemovedNames> ask_removed(const HistoryKey& directory, std::string_view name);
  Result<Shown> lookup_removed(const HistoryKey& directory, std::string_view name);
  Status load_removed(NodeId directory);
  HistoryRow& look_up_removed(const RemovedName& removed, Seq as_of) REQUIRES_LOCK(mutex_);
  void list_names(const HistoryRow& row, std::uint64_t cookie, std::size_t limit, bool plus,
                  std::vector<Listed>& found) REQUIRES_LOCK(mutex_);
  void add_past(std::vector<Listed>& found, const std::string& name, std::uint64_t place,
                const HistoryRow& looked_up, bool plus) REQUIRES_LOCK(mutex_);
  // Asks the store until `upto` entries of a directory of the past are here, or all.
  Status load_past(NodeId directory, std::uint64_t upto);
  Shown shown_past(const HistoryRow& row) const;
  HistoryRow& look_up_now(Inode inode, std::string_view name) REQUIRES_LOCK(mutex_);
  HistoryRow& look_up_version(const HistoryRow& of, const VersionInfo& version)
      REQUIRES_LOCK(mutex_);

  // volume_io.cpp
  Result<HandleId> add_handle(NodeId node, const OpenMode& mode) REQUIRES_LOCK(mutex_);
  Result<std::string> read_version(const VersionRef& version, std::uint64_t offset,
                                   std::uint64_t size);
  Status make_room(NodeId node, std::uint64_t bytes);

  // volume_siblings.cpp
  void note_cold(const VersionRef& version);

  // volume_locks.cpp
  LockQuery query_of(const LockKey& key, const LockRange& range,
                     std::optional<LockKind> kind) const;
  LockOwner here(const LockKey& key) const;
  Result<LockKey> key_of(const LockAsk& ask) const;
  Result<bool> change_lock(const LockKey& key, const LockAsk& ask, Moment deadline);
  Result<bool> take_up(const LockKey& key, const LockAsk& ask, Moment asked, Seq seq);
  void join_lockers(HandleId handle) REQUIRES_LOCK(mutex_);
  // What others publish is not an overwrite by rename to this id, but arrives in it.
  bool shared_in_place(NodeId node) const REQUIRES_LOCK(mutex_);
  // The barrier, then rebase().
  Status catch_up(NodeId node, Seq seq);
  // A retired id shows the current content. False: it has unsaved bytes.
  bool rebase(NodeId node, Notices& notices) REQUIRES_LOCK(mutex_);
  void ask_to_wait(const LockKey& key, const std::shared_ptr<WaitingLock>& waiting);
  void go_on(const LockKey& key, const std::shared_ptr<WaitingLock>& waiting, Moment asked,
             const Result<LockAnswer>& answer);
  void end_wait(const LockKey& key, const std::shared_ptr<WaitingLock>& waiting,
                const Status& status);
  bool server_away() const;
  Status begin_lock_turn(const LockKey& key, Moment deadline);
  void end_lock_turn(const LockKey& key);
  void drop_idle_locks(const LockKey& key) REQUIRES_LOCK(mutex_);
  void owe(const LockKey& key, const LockRange& range);
  bool settle(const LockKey& key, Moment deadline);
  void settle_locks();
  bool unsaved_under(const OwnerLocks& held) const REQUIRES_LOCK(mutex_);
  std::vector<LockKey> locks_of(HandleId handle) const;
  void give_up(const std::vector<LockKey>& ending);
  // The server may have been silent for too long: what is held is lost.
  void note_lease();
  bool is_lost(const LockKey& key) const;
  bool has_locks(NodeId node) const REQUIRES_LOCK(mutex_);
  Status check_locks(Inode inode) const REQUIRES_LOCK(mutex_);

  // volume_prewarm.cpp
  // Small files of one directory, behind those that are there; its directories to `further`.
  Status collect_files(Inode directory, std::vector<VersionRef>& files,
                       std::vector<Inode>& further);
  // The node at `path`. not_found: nothing stands there.
  Result<Node> node_at(std::string_view path);
  Status prewarm_files(const std::vector<VersionRef>& files, Moment deadline, Prewarmed& done);
  // What changed while the kernel was given its bytes is dropped again.
  void take_back_stale(const Notices& stored, const std::vector<VersionRef>& given,
                       std::uint64_t drops);

  // volume_telling.cpp
  std::optional<std::string> path_of(const Dentry& name) const REQUIRES_LOCK(mutex_);
  void queue_telling(const Change& change, NodeId shown_as) REQUIRES_LOCK(mutex_);
  Shown look_up_told(const Telling& telling) REQUIRES_LOCK(mutex_);
  bool is_told(NodeId directory, std::string_view name, const Dentry& of) const
      REQUIRES_LOCK(mutex_);

  // volume_publish.cpp
  enum class Extent {
    data,        // no bare truncation
    released,    // nothing when somebody has it open for writing by now
    everything,  // a bare truncation, too
    in_doubt,    // only again what may be published already
  };
  struct Outgoing {
    std::shared_ptr<const Batch> batch;  // nothing: all is published
    bool again = false;                  // a parcel that was in doubt
  };
  Status publish(NodeId node, Extent extent);
  // Of files with unsaved bytes, each held.
  std::vector<NodeId> hold_dirty();
  Result<Outgoing> begin_publish(NodeId node, Extent extent, Moment deadline);
  bool prepare_parcel(NodeId node, OpenFile& file, Extent extent) REQUIRES_LOCK(mutex_);
  Status end_publish(NodeId node, const Batch& batch, Result<Applied> answer);
  // The parcel is committed as `applied` says.
  void land(NodeId node, const Batch& batch, const Applied& applied, Notices& notices)
      REQUIRES_LOCK(mutex_);
  // Its bytes were merged with others', or stand beside the file.
  void land_elsewhere(OpenFile& file, const Batch& batch, const Applied& applied, Notices& notices)
      REQUIRES_LOCK(mutex_);
  void fold_parcels(OpenFile& file, const Node& base) REQUIRES_LOCK(mutex_);
  void land_append(NodeId node, OpenFile& file, const Change& change, Notices& notices)
      REQUIRES_LOCK(mutex_);
  void land_write(NodeId node, OpenFile& file, const Change& change, Notices& notices)
      REQUIRES_LOCK(mutex_);
  // The feed told of an own publish, or passed a landed append.
  void settle_parcels(const Change& change, const Source& source) REQUIRES_LOCK(mutex_);
  void take_back(NodeId node, OpenFile& file) REQUIRES_LOCK(mutex_);
  // The retired id shows `now` from here on, in place of parcels too large to keep.
  void repin(NodeId node, OpenFile& file, const Node& now, Notices& notices) REQUIRES_LOCK(mutex_);
  void drop_if_idle(NodeId node) REQUIRES_LOCK(mutex_);
  OpenFile& file_of(NodeId node) REQUIRES_LOCK(mutex_);
  void dirtied(OpenFile& file) REQUIRES_LOCK(mutex_);
  // Whether it is published without anybody's asking, once it is old enough.
  static bool goes_by_itself(const OpenFile& file);

  // volume_rescue.cpp
  void finish_released(NodeId node);
  void rescue(NodeId node, const Error& why);
  Status copy_beside(NodeId node, Publish copy, std::uint64_t size);
  void note_wait(NodeId node, const Status& published);
  static void let_go(OpenFile& file);  // of what is unsaved

  Store& store_;
  RequestNumbers& numbers_;
  Invalidator& invalidator_;
  const Clock& clock_;
  const View view_;
  const Volume volume_;
  std::atomic<bool> on_demand_;  // once true for ever
  Mountpoints mountpoints_;
  BlockCache blocks_;
  PublishCounts publishes_;
  std::atomic<bool> strict_;
  // The follower's alone: what the kernel remembers of a volume that became strict is yet to be
  // dropped; some of that it keeps, so that each change must have reached it.
  bool forget_due_ = false;
  bool keeps_names_ = false;
  std::int32_t teller_ = 0;  // 0: there is none
  Counter untold_;           // changes that watchers were not told of
  std::atomic<bool> doubtful_ = false;
  std::function<bool()> slept_;
  std::function<bool()> connected_;
  std::function<Moment()> heard_since_;
  std::atomic<bool> locks_held_ = false;
  std::atomic<Moment> end_by_ = Moment::max();
  mutable Mutex mutex_;
  mutable Condition changed_;  // the feed has moved, or a publish has ended
  State state_ GUARDED_BY(mutex_);
  std::function<void()> wake_ GUARDED_BY(mutex_);
  std::function<bool()> counted_ GUARDED_BY(mutex_) = [] { return false; };
  LockThreads lock_threads_;
  SiblingThreads sibling_threads_;
};

}  // namespace outboard::fusefs
