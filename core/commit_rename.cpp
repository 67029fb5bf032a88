// The rules for rename(2) and renameat2(2).
#include <utility>

#include "core/commit_step.h"
#include "core/ignored.h"
#include "core/path.h"

namespace outboard::rules {
namespace {

bool is_directory(const StoredNode& stored) {
  return stored.node.is(Kind::directory);
}

// A directory cannot be moved below itself; in an exchange neither can.
Status check_loop(const Rename& op, const Place& from, const Place& to) {
  const bool down = is_directory(*from.there) && is_within(to.path, from.path);
  const bool up =
      op.mode == RenameMode::exchange && is_directory(*to.there) && is_within(from.path, to.path);
  if (!down && !up) return success();
  return refuse(Code::invalid, to.path,
                "a directory cannot be moved below itself: " + from.path + " to " + to.path);
}

// What may stand at the target when it is replaced.
Status check_replaced(Work& work, const Place& from, const Place& to) {
  if (!is_directory(*from.there)) {
    if (!is_directory(*to.there)) return success();
    return refuse(Code::is_directory, to.path,
                  to.path + " is a directory, and " + from.path + " is none");
  }
  if (!is_directory(*to.there)) {
    return refuse(Code::not_directory, to.path,
                  to.path + " is no directory, and " + from.path + " is one");
  }
  auto full = work.set.has_children(to.there->node.inode);
  if (!full) return full.error();
  if (!*full) return success();
  return refuse(Code::not_empty, to.path,
                to.path +
                    " is not empty: a directory that is replaced "
                    "must be");
}

// The base a caller saw at the target, against what is there. A node without content has version
// 0 as absence has, so it is told apart here.
Result<Verdict> judge_target(Work& work, const Rename& op, const Place& to) {
  if (!op.base || op.mode != RenameMode::replace) return Verdict::clean;
  Version current = to.there ? to.there->node.version : Version{};
  if (to.there && !*op.base && !current) current = Version{1};
  return judge_base(work, op.base, current, to.path);
}

// Links of both parents when a directory goes from one to the other, or one is replaced.
Status touch_parents(Work& work, const Place& from, const Place& to, bool exchange) {
  const int out = is_directory(*from.there) ? 1 : 0;
  const int in = to.there && is_directory(*to.there) ? 1 : 0;
  const int from_links = exchange ? in - out : -out;
  const int to_links = out - in;
  if (auto touched = touch_directory(work, from.dentry.parent, from_links); !touched) {
    return touched;
  }
  return touch_directory(work, to.dentry.parent, to_links);
}

// The node that stood at the target loses this name, and goes when it was the last.
Displaced displace(Work& work, StoredNode stored) {
  Node& node = stored.node;
  node.attributes.links = is_directory(stored) ? 0 : node.attributes.links - 1;
  node.attributes.changed = work.set.now();
  work.set.put_node(stored);
  if (node.removed()) work.set.use(-bytes_used(node), -1);
  return Displaced{node.inode, node.attributes.links, false};
}

void move_paths(Work& work, const Place& from, const Place& to, bool exchange) {
  const bool out = is_directory(*from.there);
  const bool in = exchange && is_directory(*to.there);
  const std::string aside = "//" + to_string(from.there->node.inode);
  if (out) work.set.move_subtree({from.path, in ? aside : to.path});
  if (in) work.set.move_subtree({to.path, from.path});
  if (out && in) work.set.move_subtree({aside, to.path});
}

// A file that leaves an ignored name brings what it holds now into history.
void enter_history(Work& work, const Node& moved, const std::string& from, const std::string& to) {
  const std::string& ignored = work.set.volume().ignored;
  if (!moved.is(Kind::file) || !is_ignored(ignored, from) || is_ignored(ignored, to)) return;
  work.set.put_into_history(moved.inode, moved.version);
}

Result<Outcome> move(Work& work, const Place& from, const Place& to, bool exchange, bool conflict) {
  if (auto touched = touch_parents(work, from, to, exchange); !touched) return touched.error();
  StoredNode moved = *from.there;
  moved.node.attributes.changed = work.set.now();
  Change change = make_change(work, ChangeKind::rename, moved.node, to.path);
  change.before = from.dentry;
  change.after = to.dentry;
  change.conflict = conflict;
  change.also.push_back(from.path);
  if (exchange) {
    StoredNode other = *to.there;
    other.node.attributes.changed = work.set.now();
    work.set.put_node(other);
    change.other = Displaced{other.node.inode, other.node.attributes.links, true};
  } else if (to.there) {
    change.other = displace(work, *to.there);
  }
  work.set.put_node(moved);
  work.set.drop_name(from.dentry);
  work.set.put_name(to.dentry, moved.node.inode);
  if (exchange) work.set.put_name(from.dentry, to.there->node.inode);
  enter_history(work, moved.node, from.path, to.path);
  if (exchange) enter_history(work, to.there->node, to.path, from.path);
  move_paths(work, from, to, exchange);
  Outcome outcome = outcome_of(moved.node, to.dentry, work.set.record(std::move(change)));
  outcome.conflict = conflict;
  return outcome;
}

// What stands at the target was not seen, and a rename knows no base to merge it with: the node
// goes to a place beside it. [S35]
Result<Outcome> move_aside(Work& work, const Place& from, const Place& to) {
  const Node& node = from.there->node;
  auto beside =
      place_beside(work, to, sha256(to_string(node.inode) + "@" + to_string(node.version)));
  if (!beside) return beside.error();
  auto outcome = move(work, from, *beside, false, true);
  if (outcome) outcome->conflict_copy = beside->dentry;
  return outcome;
}

}  // namespace

// The step's precondition speaks of the node at `to`, as Rename::base does.
Result<Outcome> apply(Work& work, const Rename& op) {
  auto from = find_place(work, op.from);
  if (!from) return from.error();
  auto to = enter_place(work, op.to);
  if (!to) return to.error();
  if (!from->there) return refuse(Code::not_found, from->path, "there is no " + from->path);
  const bool exchange = op.mode == RenameMode::exchange;
  if (exchange && !to->there) {
    return refuse(Code::not_found, to->path, "there is no " + to->path + " to exchange with");
  }
  if (op.mode == RenameMode::no_replace && to->there) {
    return refuse(Code::exists, to->path, to->path + " exists, and may not be replaced");
  }
  // Two names of one node: rename(2) does nothing and succeeds.
  if (to->there && to->there->node.inode == from->there->node.inode) {
    return outcome_of(to->there->node, to->dentry, Seq{});
  }
  if (auto good = check_loop(op, *from, *to); !good) return good.error();
  if (to->there && !exchange) {
    if (auto good = check_replaced(work, *from, *to); !good) return good.error();
  }
  auto verdict = judge_target(work, op, *to);
  if (!verdict) return verdict.error();
  if (*verdict == Verdict::merge) return move_aside(work, *from, *to);
  return move(work, *from, *to, exchange, *verdict == Verdict::override_flagged);
}

}  // namespace outboard::rules
