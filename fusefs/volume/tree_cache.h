// TreeCache: the whole metadata of a volume, in memory: nodes, names, children.
//
// Filled by a snapshot, then kept by changes: from the feed, in order, and ahead of it from the
// answers to this mount's own requests. What a request's answer already said is remembered until
// the feed has passed it (`ahead`), so that older news never undoes newer.
//
// What always holds: every name leads to a node that is here. Guarded by the volume's lock.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
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
  Inode inode;
  std::uint64_t cookie = 0;  // its place in a listing; never reused in its directory
};

// Names of a directory, by name and by cookie, so that a listing can go on after any change.
struct Children {
  std::map<std::string, Child, std::less<>> names;
  std::map<std::uint64_t, std::string> order;
  std::uint64_t next_cookie = 3;  // 1 and 2 are "." and ".."
};

struct TreeNode {
  Node node;
  std::uint32_t generation = 0;      // of content, raised by each remote overwrite
  std::vector<Dentry> names;         // where it stands; empty for the root
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

  // One part of a snapshot; begin with a new TreeCache. Parents come first.
  void load(const std::vector<Entry>& entries);
  // That was all; `part` is SnapshotPart::loaded.
  void loaded(Seq seq, std::string part) {
    seq_ = seq;
    part_ = std::move(part);
  }

  const TreeNode* find(Inode inode) const;
  TreeNode* find(Inode inode);
  const Child* child(Inode directory, std::string_view name) const;
  // The directory that holds it; of the root the root.
  Inode parent(Inode directory) const;
  // A removed node gives nothing.
  std::optional<Dentry> name_of(Inode inode) const;

  // `from_feed`: in order; else an answer to a request, possibly ahead of the feed.
  TreeEffect apply(const Change& change, bool from_feed);
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
    pack(t.nodes_, t.ahead_nodes_, t.ahead_names_, t.seq_, t.part_, t.content_bytes_);
  }

 private:
  template <class Key>
  bool is_news(std::map<Key, Seq>& ahead, const Key& key, Seq seq, bool from_feed);
  void put_node(const Node& node);
  void put_name(const Dentry& name, Inode inode, Timestamp at);
  void drop_name(const Dentry& name, Timestamp at);
  void remove_node(Inode inode);
  void apply_names(const Change& change, bool from_feed, TreeEffect& effect);
  void apply_displaced(const Change& change, bool from_feed);

  std::unordered_map<Inode, TreeNode> nodes_;
  std::map<Inode, Seq> ahead_nodes_;
  std::map<Dentry, Seq> ahead_names_;
  Seq seq_;
  std::string part_;
  std::uint64_t content_bytes_ = 0;
};

// The change that a step made, as the feed will tell it. Nothing when it changed nothing or is one
// of content.
std::optional<Change> change_of(const Op& op, const Outcome& outcome, const TreeCache& tree);

}  // namespace outboard::fusefs
