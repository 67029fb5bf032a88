// FollowedTree: the names and nodes of a volume, from a snapshot and the changes behind it, and
// which paths of one part of it each change touched.
//
// Paths are those of the part: with the part "/notes", "/a.md" is the volume's "/notes/a.md". The
// whole volume is followed, since what lies elsewhere may be moved in. One thread.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/change.h"
#include "core/entry.h"
#include "core/store.h"

namespace outboard::sync {

class FollowedTree {
 public:
  explicit FollowedTree(std::string part) : part_(std::move(part)) {}

  // Anew, from a snapshot.
  Status load(Store& store, const Call& call, VolumeId volume);
  Seq seq() const { return seq_; }
  // Everything up to here has been told of.
  void reach(Seq seq) { seq_ = std::max(seq_, seq); }
  // A path of the part that a change touched; with `below`, everything under it too.
  struct Touched {
    std::string path;
    bool below = false;
  };
  std::vector<Touched> apply(const Change& change);

  // Null: nothing stands there.
  const Node* at(std::string_view path) const;
  // All below `path`, parents before children.
  void each_below(const std::string& path,
                  const std::function<void(const std::string&, const Node&)>& visit) const;
  // The volume's name for a path of the part.
  std::string volume_path(std::string_view path) const;

 private:
  struct Held {
    Node node;
    std::vector<Dentry> names;
    std::map<std::string, Inode, std::less<>> children = {};
  };
  const Held* find(std::string_view volume_path) const;
  void put_name(const Dentry& name, Inode inode);
  void drop_name(const Dentry& name);
  void remove(Inode inode);
  void touch(const Dentry& name, bool below, std::vector<Touched>& touched) const;

  std::string part_;
  Seq seq_;
  std::unordered_map<Inode, Held> nodes_;
};

}  // namespace outboard::sync
