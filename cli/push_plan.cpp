#include "cli/push_plan.h"

#include <algorithm>
#include <functional>
#include <set>

#include "core/path.h"

namespace outboard::cli {
namespace {

constexpr std::uint32_t kExecute = 0111;

// The entries of `tree` at and below `root`. ("/ab" sorts between "/a" and "/a/b", hence the test.)
template <class Tree, class F>
void each_within(const Tree& tree, const std::string& root, F&& visit) {
  for (auto at = tree.lower_bound(root); at != tree.end(); ++at) {
    if (!at->first.starts_with(root)) break;
    if (is_within(at->first, root)) visit(at->first, at->second);
  }
}

class Planner {
 public:
  Planner(const LocalTree& local, const std::map<std::string, Node>& remote, const PlanRules& rules,
          const SameContent& same)
      : local_(local), remote_(remote), rules_(rules), same_(same) {}

  Result<PushPlan> plan(const std::string& root) {
    each_within(remote_, root,
                [&](const std::string& path, const Node& node) { consider_removal(path, node); });
    if (rules_.each) std::reverse(plan_.steps.begin(), plan_.steps.end());  // children first
    std::optional<Error> failed;
    each_within(local_, root, [&](const std::string& path, const LocalNode& node) {
      if (failed) return;
      if (auto considered = consider(path, node); !considered) failed = considered.error();
    });
    if (failed) return *failed;
    return std::move(plan_);
  }

 private:
  // Whether a directory above is removed already, with all that is in it.
  bool goes_with_parent(std::string_view path) const {
    while (path.size() > 1 && !dropped_.empty()) {
      path = split_last(path).first;
      if (dropped_.contains(path)) return true;
    }
    return false;
  }

  void drop(const std::string& path, const Node& node) {
    if (!node.is(Kind::directory)) ++plan_.removed;
    if (!rules_.each && goes_with_parent(path)) return;
    plan_.steps.push_back({Deed::remove, path, {}, node, {}});
    if (node.is(Kind::directory)) dropped_.insert(path);
  }

  void consider_removal(const std::string& path, const Node& node) {
    const auto here = local_.find(path);
    if (here == local_.end()) {
      if (rules_.remove) return drop(path, node);
      if (!node.is(Kind::directory)) ++plan_.left;
      return;
    }
    if (here->second.kind == node.kind) return;
    if (node.is(Kind::directory) && !rules_.remove) return;  // refused by consider()
    drop(path, node);
  }

  Status consider(const std::string& path, const LocalNode& here) {
    const auto found = remote_.find(path);
    const bool replaced = found != remote_.end() && found->second.kind != here.kind;
    if (replaced && found->second.is(Kind::directory) && !rules_.remove) {
      return Error{Code::exists,
                   "a directory stands at " + path + ", where " + here.source.string() +
                       " should go: push with --delete to replace it",
                   path};
    }
    if (found == remote_.end() || replaced) {
      if (!here.is_directory()) ++plan_.added;
      if (here.link_of.empty()) plan_.bytes += here.size;
      plan_.steps.push_back({Deed::add, path, here, std::nullopt, {}});
      return success();
    }
    return compare(path, here, found->second);
  }

  static bool mode_differs(const std::string& path, const LocalNode& here, const Node& there) {
    if (here.kind == Kind::symlink || path == "/") return false;
    if (here.permissions) return *here.permissions != there.attributes.mode;
    const bool executable = (there.attributes.mode & kExecute) != 0;
    return here.kind == Kind::file && executable != here.executable;
  }

  // What the node has there, when it is not what it has here.
  Result<std::optional<Xattrs>> other_xattrs(const LocalNode& here, const Node& there) const {
    std::optional<Xattrs> differing;
    if (!rules_.xattrs || here.kind == Kind::symlink) return differing;
    if (here.xattrs.empty() && there.xattr_bytes == 0) return differing;
    auto has = rules_.xattrs(there);
    if (!has) return has.error();
    if (*has != here.xattrs) differing = *std::move(has);
    return differing;
  }

  Status compare(const std::string& path, const LocalNode& here, const Node& there) {
    bool equal = here.target == there.target;
    if (here.kind == Kind::file) {
      auto asked = same_(here, there);
      if (!asked) return asked.error();
      equal = *asked;
    }
    auto xattrs = other_xattrs(here, there);
    if (!xattrs) return xattrs.error();
    if (equal && !mode_differs(path, here, there) && !*xattrs) {
      if (!here.is_directory()) ++plan_.unchanged;
      return success();
    }
    if (!here.is_directory()) ++plan_.changed;
    if (!equal) plan_.bytes += here.size;
    if (here.kind == Kind::symlink) {
      plan_.steps.push_back({Deed::remove, path, {}, there, {}});
      plan_.steps.push_back({Deed::add, path, here, std::nullopt, {}});
      return success();
    }
    const Deed deed = equal ? Deed::attributes : Deed::change;
    plan_.steps.push_back({deed, path, here, there, *std::move(xattrs)});
    return success();
  }

  const LocalTree& local_;
  const std::map<std::string, Node>& remote_;
  const PlanRules& rules_;
  const SameContent& same_;
  PushPlan plan_;
  std::set<std::string, std::less<>> dropped_;  // directories
};

}  // namespace

Result<PushPlan> plan_push(const LocalTree& local, const std::map<std::string, Node>& remote,
                           const std::string& root, const PlanRules& rules,
                           const SameContent& same) {
  return Planner(local, remote, rules, same).plan(root);
}

}  // namespace outboard::cli
