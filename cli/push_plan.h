// What a push has to do: the difference between a folder here and a tree in a volume, in steps.
//
// Pure but for one question, asked of files of the same size whose digest the store has not kept.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/local_tree.h"
#include "core/entry.h"

namespace outboard::cli {

enum class Deed : std::uint8_t { add, change, attributes, remove };

struct PushStep {
  Deed deed = Deed::add;
  std::string path;
  LocalNode local;               // of all but remove
  std::optional<Node> remote;    // what stands there, as it was seen
  std::optional<Xattrs> xattrs;  // of what stands there; unset: they are left alone, or are none
};

struct PushPlan {
  std::vector<PushStep> steps;  // in the order in which they are to be done
  std::uint64_t bytes = 0;      // of content to send
  std::uint64_t added = 0;      // files and symlinks, as the next three
  std::uint64_t changed = 0;
  std::uint64_t removed = 0;
  std::uint64_t unchanged = 0;
  std::uint64_t left = 0;  // there, but not here, and not asked to be removed

  bool empty() const { return steps.empty(); }
};

// Whether the remote file holds what the local one does.
using SameContent = std::function<Result<bool>(const LocalNode&, const Node&)>;

// The extended attributes of a remote node. Empty: they are not looked at.
using XattrsOf = std::function<Result<Xattrs>(const Node&)>;

struct PlanRules {
  bool remove = false;  // what is not here goes there
  bool each = false;    // node by node, so that what nobody has seen yet is not removed with them
  XattrsOf xattrs{};
};

// Of the tree at and below `root`. With rules.remove, what is not in `local` goes. exists: a
// directory stands where a file should, and nothing may be removed.
Result<PushPlan> plan_push(const LocalTree& local, const std::map<std::string, Node>& remote,
                           const std::string& root, const PlanRules& rules,
                           const SameContent& same);

}  // namespace outboard::cli
