// The rules for names that go: unlink, rmdir, and whole trees.
#include <utility>

#include "core/commit_step.h"
#include "core/path.h"

namespace outboard::rules {
namespace {

Error absent(const Place& place) {
  return refuse(Code::not_found, place.path, "there is no " + place.path);
}

// Children before their parent, so that a follower never holds a name without a directory.
Status empty_out(Work& work, const StoredNode& directory, const std::string& path) {
  auto children = work.set.children(directory.node.inode);
  if (!children) return children.error();
  for (const auto& [name, inode] : *children) {
    auto child = work.set.node(inode);
    if (!child) return child.error();
    CHECK(*child);
    Place place{directory, join(path, name), Dentry{directory.node.inode, name}, **child};
    if ((*child)->node.is(Kind::directory)) {
      if (auto emptied = empty_out(work, **child, place.path); !emptied) return emptied;
      child = work.set.node(inode);  // its link count fell with its subdirectories
      if (!child) return child.error();
      place.there = **child;
    }
    if (auto removed = remove_name(work, place); !removed) return removed.error();
  }
  return success();
}

}  // namespace

Result<Outcome> remove_name(Work& work, const Place& place) {
  StoredNode stored = *place.there;
  Node& node = stored.node;
  const bool directory = node.is(Kind::directory);
  auto touched = touch_directory(work, place.dentry.parent, directory ? -1 : 0);
  if (!touched) return touched.error();
  node.attributes.links = directory ? 0 : node.attributes.links - 1;
  node.attributes.changed = work.set.now();
  work.set.drop_name(place.dentry);
  work.set.put_node(stored);
  if (node.removed()) work.set.use(-bytes_used(node), -1);
  Change change = make_change(work, ChangeKind::unlink, node, place.path);
  change.before = place.dentry;
  return outcome_of(node, place.dentry, work.set.record(std::move(change)));
}

Result<Outcome> apply(Work& work, const Unlink& op) {
  auto place = enter_place(work, op.at);
  if (!place) return place.error();
  if (!place->there) return absent(*place);
  if (place->there->node.is(Kind::directory)) {
    return refuse(Code::is_directory, place->path,
                  place->path + " is a directory: remove it as one");
  }
  return remove_name(work, *place);
}

Result<Outcome> apply(Work& work, const RemoveDirectory& op) {
  auto place = enter_place(work, op.at);
  if (!place) return place.error();
  if (!place->there) return absent(*place);
  if (!place->there->node.is(Kind::directory)) {
    return refuse(Code::not_directory, place->path, place->path + " is no directory: unlink it");
  }
  if (!op.recursive) {
    auto full = work.set.has_children(place->there->node.inode);
    if (!full) return full.error();
    if (*full) {
      return refuse(Code::not_empty, place->path,
                    place->path + " is not empty: remove what is in it first, or all of it");
    }
    return remove_name(work, *place);
  }
  if (auto emptied = empty_out(work, *place->there, place->path); !emptied) return emptied.error();
  return remove_name(work, *place);
}

}  // namespace outboard::rules
