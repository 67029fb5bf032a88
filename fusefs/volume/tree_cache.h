// TreeCache: the metadata of a volume in memory: nodes, names, children. Of a volume that is too
// large only the directories that somebody looks into.
//
// Filled by a snapshot, or directory by directory (volume_directories.cpp); then kept by changes:
// from the feed, in order, and ahead of it from the answers to this mount's own requests. What a
// request's answer already said is remembered until the feed has passed it (`ahead`), so that older
// news never undoes newer.
//
// What always holds:
//  - Every name leads to a node that is here; every node that is here is as of seq(), or ahead.
//  - Of a complete directory every name is here. Of any other those of nodes that are here: a name
//    that is not there may stand all the same, and is asked for. [S61]
// Guarded by the volume's lock.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/change.h"
#include "core/entry.h"
#include "core/store.h"

namespace outboard::fusefs {

struct Child {
  std::string name;
  Inode inode;
};

// Names by their places in a listing. A name's place is made of its bytes alone, so that a listing
// goes on after any change, and after its directory was dropped and loaded again.
using Places = std::multimap<std::uint64_t, Child>;

struct Children {
  Places places;
  bool complete = false;
  std::uint64_t used = 0;  // when somebody last looked into it, on TreeCache's clock
};

// 3 and up (1 and 2 are "." and ".."), below 2^61. Two names of one directory hardly ever share
// one.
std::uint64_t place_of(std::string_view name);
// Behind what a listing that began behind `from` goes on after `at`: its place, or, when the next
// name has the same, just before it, so that both are listed again.
std::uint64_t cookie_of(const Places& places, Places::const_iterator at, std::uint64_t from);

struct TreeNode {
  Node node;
  Seq changed;                       // by the last change that came while it was here; 0: by none
  std::uint32_t generation = 0;      // of content, raised by each remote overwrite
  std::vector<Dentry> names;         // where it stands, as far as is known; empty for the root
  std::optional<Children> children;  // of a directory
};

// What apply() did, for the caller to tell the kernel.
struct TreeEffect {
  std::optional<Node> old;  // the change's node before, when it was known
  bool node = false;        // the node part was news
  bool before = false;      // the name `before` was news
  bool after = false;
};

class TreeCache {
 public:
  TreeCache();

  // ── Whole: begin with a new TreeCache ──
  // One part of a snapshot. Parents come first.
  void load(const std::vector<Entry>& entries);
  // That was all; `part` is SnapshotPart::loaded.
  void loaded(Seq seq, std::string part);
  // Instead of that: nothing but the root is here, as of `seq`.
  void begin_at(Seq seq, const Node& root);

  // ── Directory by directory ──
  bool complete(Inode directory) const;
  bool loading(Inode directory) const { return loads_.contains(directory); }
  // From here on everything that the feed tells of is kept, and which names it touches. The answer
  // names the load.
  std::uint64_t begin_load(Inode directory);
  // Joins all of the directory's entries as of a seq that the feed has reached, and that is not
  // before the load began. False: they cannot be, ask again.
  bool end_load(Inode directory, std::uint64_t load, const std::vector<Entry>& entries);
  void give_up_load(Inode directory, std::uint64_t load);
  // A node that no directory that is here names, as of such a seq; nothing when it is here.
  void put_unlisted(const Node& node);
  // Drops what nobody looked into since `before` until at most `nodes` are left, or as far as that
  // goes: names, and nodes that are not `kept`. `dropped` hears of each directory and of the
  // nodes in it that stay.
  using Kept = std::function<bool(Inode)>;
  using Dropped = std::function<void(Inode, const std::vector<Inode>&)>;
  void shrink(std::size_t nodes, std::uint64_t before, const Kept& kept, const Dropped& dropped);
  // Drops the node unless a complete directory names it or something stands in it.
  void drop_unlisted(Inode inode);
  // Nodes that came by the feed, or by an answer, into no complete directory, since the last call.
  std::vector<Inode> take_unlisted() { return std::exchange(unlisted_, {}); }
  // Somebody looks into it.
  void use(Inode directory, std::uint64_t now);
  // Nothing was left out: what is not here does not exist.
  bool whole() const { return whole_; }

  const TreeNode* find(Inode inode) const;
  TreeNode* find(Inode inode);
  const Child* child(Inode directory, std::string_view name) const;
  // The directory that holds it; of the root, and where that is not known, the root.
  Inode parent(Inode directory) const;
  // A removed node gives nothing.
  std::optional<Dentry> name_of(Inode inode) const;

  // `from_feed`: in order; else an answer to a request, possibly ahead of the feed. Of this mount's
  // `own` the node is kept, wherever it stands: whoever made it looks it up next.
  TreeEffect apply(const Change& change, bool from_feed, bool own);
  // The feed has been applied up to here.
  void feed_passed(Seq seq);

  Seq seq() const { return seq_; }
  // What of the volume was loaded, in the server's word for it.
  const std::string& part() const { return part_; }
  // Answers to requests were applied up to here; at least seq().
  Seq ahead() const;
  void set_generation(Inode inode, std::uint32_t generation);
  std::size_t nodes() const { return nodes_.size(); }
  std::uint64_t content_bytes() const { return content_bytes_; }
  const std::unordered_map<Inode, TreeNode>& all() const { return nodes_; }

  // Its parts, for another daemon (packed.h).
  template <class Pack>
  friend void describe(Pack& pack, TreeCache& t) {
    pack(t.nodes_, t.ahead_nodes_, t.ahead_names_, t.seq_, t.part_, t.content_bytes_, t.whole_);
    if constexpr (Pack::kReads) {
      for (const auto& [inode, node] : t.nodes_) t.note_unlisted(inode);
    }
  }

 private:
  // A directory's entries are on their way.
  struct Load {
    std::uint64_t number = 0;
    Seq since;
    std::set<std::string, std::less<>> touched;  // names of which the tree knows better
    bool in_vain = false;  // a node changed of which no more than the number is known
  };

  template <class Key>
  bool is_news(std::map<Key, Seq>& ahead, const Key& key, Seq seq, bool from_feed);
  // Whether a node that is not here must be from here on.
  bool is_wanted(const Change& change) const;
  TreeNode& put_node(const Node& node);
  void put_name(const Dentry& name, const Node& of, Timestamp at);
  // `inode` and `directory`: what stands there, where that is not known here; 0: perhaps nothing.
  void drop_name(const Dentry& name, Inode inode, bool directory, Timestamp at);
  void remove_node(Inode inode);
  void apply_names(const Change& change, bool from_feed, TreeEffect& effect);
  void apply_exchanged(const Change& change);
  void apply_displaced(const Change& change, bool from_feed);
  // A name comes or goes. Its directory, if that is here.
  TreeNode* touch(const Dentry& name, Timestamp at);
  bool is_listed(const TreeNode& node) const;
  // Entries on their way may show it as it was before.
  bool is_fresh(const TreeNode& node) const;
  void note_unlisted(Inode inode);
  void take_child(TreeNode& parent, const Dentry& name, TreeNode& node);
  bool drop_child(TreeNode& parent, std::string_view name);
  void count_links(TreeNode& directory) const;
  void drop_names_in(Inode directory, const Kept& kept, const Dropped& dropped);

  std::unordered_map<Inode, TreeNode> nodes_;
  std::map<Inode, Seq> ahead_nodes_;
  std::map<Dentry, Seq> ahead_names_;
  std::unordered_map<Inode, Load> loads_;
  std::vector<Inode> unlisted_;
  std::uint64_t last_load_ = 0;
  Seq seq_;
  std::string part_;
  std::uint64_t content_bytes_ = 0;
  bool whole_ = false;
};

// The change that a step made, as the feed will tell it. Nothing when it changed nothing or is one
// of content.
std::optional<Change> change_of(const Op& op, const Outcome& outcome, const TreeCache& tree);

}  // namespace outboard::fusefs
