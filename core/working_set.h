// WorkingSet: what a transaction has read and what it is about to change.
//
// TreeSource (rows, or maps) → WorkingSet ← the rules of core/commit.h. When the rules are done the
// store writes the set's differences: MemoryStore into its maps, PgStore in set-based statements.
// Several batches of one group share a set: the later see what the earlier did, and a refused one
// is undone to its savepoint. Used by one thread.
//
// What always holds: a Changed node has exactly the attributes it will be stored with; the changes
// in changes() are in seq order without gaps, and each names the node as it was after that change.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/change.h"
#include "core/entry.h"
#include "core/op.h"
#include "core/result.h"

namespace outboard {

// A node and how its current content is kept.
struct StoredNode {
  Node node;
  bool chunked = false;  // content in chunks; else inline, at most kInlineBytesMax bytes

  friend bool operator==(const StoredNode&, const StoredNode&) = default;
};

// How one version's content is kept.
struct StoredVersion {
  Version version;
  std::uint64_t size = 0;
  std::optional<Sha256> digest;
  bool chunked = false;
  bool redacted = false;  // its bytes were purged; then it is not chunked
};

// What the rules read. The root (kRootInode) always exists. All may fail with unavailable.
class TreeSource {
 public:
  virtual ~TreeSource() = default;
  // Nothing when there is no such node, or it was removed.
  virtual Result<std::optional<StoredNode>> node(Inode inode) = 0;
  // A node that was removed, while its record is kept.
  virtual Result<std::optional<StoredNode>> removed_node(Inode inode) = 0;
  virtual Result<std::optional<Inode>> child(const Dentry& name) = 0;
  // One name of a node (any, when it has several). REQUIRES: not the root, not removed.
  virtual Result<Dentry> name_of(Inode inode) = 0;
  // All its names, at most kPathsOfNodeMax.
  virtual Result<std::vector<Dentry>> names_of(Inode inode) = 0;
  virtual Result<std::vector<std::pair<std::string, Inode>>> children(Inode directory) = 0;
  virtual Result<bool> has_children(Inode directory) = 0;
  virtual Result<std::optional<StoredVersion>> version(Inode inode, Version version) = 0;
  // The whole content of a version that is kept inline.
  virtual Result<std::string> inline_content(Inode inode, Version version) = 0;
  // Bytes [offset, offset + size) of a chunked version.
  virtual Result<std::string> chunked_content(Inode inode, const StoredVersion& version,
                                              std::uint64_t offset, std::uint64_t size) = 0;
  // Of a chunked version whose digest was not known when it was written; reads all of it.
  virtual Result<Sha256> digest(Inode inode, Version version) = 0;
  virtual Result<Xattrs> xattrs(Inode inode) = 0;
  // A number never used before.
  virtual Result<Inode> allot_inode() = 0;
};

// A new version, either whole (`bytes`, then it is kept inline) or as an edit of chunks.
struct ContentEdit {
  Inode inode;
  Version version;  // the new one
  std::optional<std::string> bytes;
  // When `bytes` is unset: take the content of `base` ({0}: none), drop all from `keep` on, lay the
  // extents over it, make it `size` long. `current` is the version whose chunks are now in force.
  Version base;
  Inode base_inode;  // whose version `base` is; 0: its own
  Version current;
  std::uint64_t keep = 0;
  std::vector<Extent> extents;
  std::uint64_t size = 0;
  bool append = false;           // one extent at the old end
  std::optional<Sha256> digest;  // when known
  Seq seq;                       // of the change that made it
  bool conflict = false;
  bool passing = false;        // written under an ignored name: goes when it is replaced
  bool leaves_chunks = false;  // kept inline, where the version before it was in chunks
};

// Bytes and digests to purge: of one version, or (Version{0}) of all up to `upto`.
struct Redaction {
  Inode inode;
  Version version;
  Version upto;

  bool covers(Inode of, Version one) const {
    return of == inode && (version ? one == version : one <= upto);
  }
};

// What of a former attribute is no longer known.
enum class Lost : std::uint8_t {
  nothing,  // it is known
  let_go,   // by retention, or of a name without history
  redacted,
};

// What an extended attribute was before a change of it. [D40]
struct FormerXattr {
  Seq seq;  // of the change
  Inode inode;
  std::string name;
  std::optional<std::string> value;  // unset: there was none, or it is lost
  Lost lost = Lost::nothing;
};

// The refusal of a read as of `seq` that would need it. REQUIRES: it is lost.
Error lost_xattr(Inode inode, Seq seq, Lost lost);

// A directory whose path changed: every dentry strictly below `from` now lies below `to`. Apply in
// order. An exchange of two directories is three moves, by way of a path that no name can make
// ("//" and an inode).
struct SubtreeMove {
  std::string from;
  std::string to;
};

class WorkingSet {
 public:
  // `head` is the volume's last seq, `now` the time all changes carry.
  WorkingSet(TreeSource& source, Volume volume, Timestamp now);
  WorkingSet(const WorkingSet&) = delete;
  WorkingSet& operator=(const WorkingSet&) = delete;

  // ── Reading: this transaction's own changes over the source ──
  Result<std::optional<StoredNode>> node(Inode inode);
  // The same, or the node as it was when it was removed (links 0).
  Result<std::optional<StoredNode>> known_node(Inode inode);
  Result<std::optional<Inode>> child(const Dentry& name);
  Result<std::vector<std::pair<std::string, Inode>>> children(Inode directory);
  Result<bool> has_children(Inode directory);
  Result<Dentry> name_of(Inode inode);
  // "/" for the root; of a file with several names, one of them.
  Result<std::string> path_of(Inode inode);
  Result<std::string> path_of(const Dentry& name);
  // The paths of all names of a node that is not removed, at most kPathsOfNodeMax.
  Result<std::vector<std::string>> paths_of(Inode inode);
  Result<std::optional<StoredVersion>> version(Inode inode, Version version);
  Result<std::string> inline_content(Inode inode, Version version);
  // Bytes of any version; shorter at its end.  REQUIRES: the version is kept.
  Result<std::string> content(Inode inode, Version version, std::uint64_t offset,
                              std::uint64_t size);
  Result<Sha256> digest(const StoredNode& node);
  Result<Xattrs> xattrs(Inode inode);
  Result<Inode> allot_inode() { return source_.allot_inode(); }
  const Volume& volume() const { return volume_; }
  Timestamp now() const { return now_; }

  // ── Changing ──
  void put_node(const StoredNode& node);
  void put_name(const Dentry& name, Inode inode);
  void drop_name(const Dentry& name);
  void put_xattrs(Inode inode, Xattrs xattrs);
  // REQUIRES: its change was recorded.
  void keep_former(FormerXattr former) { formers_.push_back(std::move(former)); }
  void put_content(ContentEdit edit);
  void move_subtree(SubtreeMove move);
  void redact(Redaction redaction) { redactions_.push_back(redaction); }
  // Purges what the node's extended attributes have been.
  void redact_formers(Inode inode) { redacted_formers_.push_back(inode); }
  // Uses up the next seq and gives it to the change.
  Seq record(Change change);
  // The change recorded last overrode a version its writer had not seen. [S4]
  void flag_last() { changes_.back().conflict = true; }
  // The change broke a rule of the volume's that only warns.  REQUIRES: it is one of this set's.
  void flag_warned(Seq seq);
  // The version belongs to history from now on, though it was written under an ignored name.
  void put_into_history(Inode inode, Version version);
  // Further paths of the change at this index of changes().
  void note_paths(std::size_t index, std::vector<std::string> also) {
    changes_[index].also = std::move(also);
  }
  // Counts towards the volume's quotas; the rules check them at the end of each batch.
  void use(std::int64_t bytes, std::int64_t nodes);

  // ── Savepoints, for batches of a group ──
  struct Savepoint {
    std::size_t undo = 0, changes = 0, contents = 0, moves = 0, historic = 0, redactions = 0;
    std::size_t formers = 0, redacted_formers = 0;
    Volume volume;
  };
  Savepoint savepoint() const;
  void undo_to(const Savepoint& savepoint);

  // ── The differences, for the store to write ──
  bool empty() const { return changes_.empty(); }
  // Nodes to insert or update (links 0: removed), in inode order. True: it is new.
  std::vector<std::pair<StoredNode, bool>> changed_nodes() const;
  // Names to insert or point elsewhere (an inode), or to delete (nothing).
  std::vector<std::pair<Dentry, std::optional<Inode>>> changed_names() const;
  std::vector<std::pair<Inode, Xattrs>> changed_xattrs() const;
  const std::vector<ContentEdit>& contents() const { return contents_; }
  const std::vector<SubtreeMove>& moves() const { return moves_; }
  // To be done last: they reach what the set itself has made.
  const std::vector<Redaction>& redactions() const { return redactions_; }
  const std::vector<Inode>& redacted_formers() const { return redacted_formers_; }
  const std::vector<FormerXattr>& formers() const { return formers_; }
  const std::vector<Change>& changes() const { return changes_; }
  const std::vector<std::pair<Inode, Version>>& historic() const { return historic_; }

 private:
  struct NodeSlot {
    std::optional<StoredNode> value;
    bool created = false;
    bool changed = false;
  };
  struct NameSlot {
    std::optional<Inode> value;
    bool in_source = false;
    bool changed = false;
  };
  struct XattrSlot {
    Xattrs value;
    bool changed = false;
  };
  using Undo = std::variant<std::pair<Inode, NodeSlot>, std::pair<Dentry, NameSlot>,
                            std::pair<Inode, XattrSlot>>;

  Result<NodeSlot*> load_node(Inode inode);
  Result<NameSlot*> load_name(const Dentry& name);
  // Whether the node was made in this set: then the source knows nothing of it.
  bool is_new(Inode inode) const;
  // The edit in this set that makes the version; none: it is the source's, if any.
  const ContentEdit* edit_of(Inode inode, Version version) const;
  bool is_redacted(Inode inode, Version version) const;
  // Whether the name leads to the node, by this set.
  Result<bool> leads_to(const Dentry& name, Inode inode);

  TreeSource& source_;
  Volume volume_;
  const Timestamp now_;
  std::map<Inode, NodeSlot> nodes_;
  std::map<Dentry, NameSlot> names_;
  std::map<Inode, XattrSlot> xattrs_;
  std::map<Inode, Dentry> placed_;  // where put_name put a node last; a hint, checked on use
  std::vector<ContentEdit> contents_;
  std::map<std::pair<Inode, Version>, std::size_t> content_at_;  // index into contents_
  std::vector<SubtreeMove> moves_;
  std::vector<Redaction> redactions_;
  std::vector<FormerXattr> formers_;
  std::vector<Inode> redacted_formers_;
  std::vector<Change> changes_;
  std::vector<std::pair<Inode, Version>> historic_;
  std::vector<Undo> undo_;
};

}  // namespace outboard
