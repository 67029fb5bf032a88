// The rules for new names: create, mkdir, mknod, symlink, link.
#include <utility>

#include "core/commit_step.h"
#include "core/ignored.h"
#include "core/limits.h"

namespace outboard::rules {
namespace {

Error taken(const Place& place) {
  Error error = refuse(Code::exists, place.path,
                       place.path + " exists already: choose another name or remove it first");
  error.current_version = place.there->node.version.value;
  return error;
}

Result<Outcome> make_node(Work& work, const NameRef& at, const StoredNode& stored) {
  auto place = enter_place(work, at);
  if (!place) return place.error();
  if (place->there) return taken(*place);
  return place_new(work, *place, stored);
}

}  // namespace

Result<Outcome> apply(Work& work, const CreateFile& op) {
  auto place = enter_place(work, op.at);
  if (!place) return place.error();
  if (place->there) {
    const Node& node = place->there->node;
    if (op.exclusive || node.is(Kind::symlink)) return taken(*place);
    if (node.is(Kind::directory)) {
      return refuse(Code::is_directory, place->path,
                    place->path + " is a directory: a file needs another name");
    }
    return outcome_of(node, place->dentry, Seq{});
  }
  auto stored = new_node(work, Kind::file, op.mode, op.uid, op.gid);
  if (!stored) return stored.error();
  stored->node.version = Version{1};
  stored->node.digest = sha256({});
  auto outcome = place_new(work, *place, *stored);
  if (!outcome) return outcome;
  ContentEdit empty;
  empty.inode = stored->node.inode;
  empty.version = stored->node.version;
  empty.bytes = std::string();
  empty.digest = stored->node.digest;
  empty.seq = outcome->seq;
  empty.passing = is_ignored(work.set.volume().ignored, place->path);
  work.set.put_content(std::move(empty));
  return outcome;
}

Result<Outcome> apply(Work& work, const MakeDirectory& op) {
  const ParentStyle style{op.mode, op.uid, op.gid};
  auto place = op.parents ? make_place(work, op.at, style) : find_place(work, op.at);
  if (!place) return place.error();
  if (auto good = check_when(work, place->there, place->path); !good) return good.error();
  if (place->there) {
    if (!op.parents || !place->there->node.is(Kind::directory)) return taken(*place);
    return outcome_of(place->there->node, place->dentry, Seq{});
  }
  auto stored = new_node(work, Kind::directory, op.mode, op.uid, op.gid);
  if (!stored) return stored.error();
  return place_new(work, *place, *stored);
}

Result<Outcome> apply(Work& work, const MakeNode& op) {
  auto stored = new_node(work, op.kind, op.mode, op.uid, op.gid);
  if (!stored) return stored.error();
  stored->node.attributes.device = op.device;
  return make_node(work, op.at, *stored);
}

Result<Outcome> apply(Work& work, const MakeSymlink& op) {
  auto stored = new_node(work, Kind::symlink, 0777, op.uid, op.gid);
  if (!stored) return stored.error();
  stored->node.target = op.target;
  stored->node.attributes.size = op.target.size();
  return make_node(work, op.at, *stored);
}

Result<Outcome> apply(Work& work, const MakeLink& op) {
  auto target = find_target(work, op.node);
  if (!target) return target.error();
  auto place = enter_place(work, op.at);
  if (!place) return place.error();
  Node& node = target->stored.node;
  if (node.is(Kind::directory)) {
    return refuse(Code::is_directory, place->path,
                  "a directory has one name only: make a symlink at " + place->path);
  }
  if (place->there) return taken(*place);
  if (node.attributes.links >= kLinksMax) {
    return refuse(Code::too_big, place->path,
                  "the file has " + std::to_string(kLinksMax) + " names, the limit: copy it");
  }
  auto touched = touch_directory(work, place->dentry.parent, 0);
  if (!touched) return touched.error();
  node.attributes.links += 1;
  node.attributes.changed = work.set.now();
  work.set.put_node(target->stored);
  work.set.put_name(place->dentry, node.inode);
  Change change = make_change(work, ChangeKind::link, node, place->path);
  change.after = place->dentry;
  return outcome_of(node, place->dentry, work.set.record(std::move(change)));
}

}  // namespace outboard::rules
