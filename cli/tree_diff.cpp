#include "cli/tree_diff.h"

#include <algorithm>
#include <unordered_map>

#include "cli/remote_tree.h"
#include "core/path.h"

namespace outboard::cli {
namespace {

bool same(const Node& a, const Node& b) {
  return a.kind == b.kind && a.attributes.mode == b.attributes.mode && a.target == b.target &&
         (same_content(a, b) || a.is(Kind::directory));
}

NameRef name_at(std::string_view path) {
  const auto [parent, name] = split_last(path);
  return NameRef{std::string(parent), std::string(name)};
}

Op removal_of(const std::string& path, const Node& node) {
  if (node.is(Kind::directory)) return RemoveDirectory{name_at(path), false};
  return Unlink{name_at(path)};
}

Result<Op> making_of(Context& context, Store& store, VolumeId volume, const Difference& change) {
  const Node& node = *change.after;
  const Attributes& a = node.attributes;
  if (node.is(Kind::directory)) {
    return Op(MakeDirectory{name_at(change.path), a.mode, a.uid, a.gid, false});
  }
  if (node.is(Kind::symlink)) {
    return Op(MakeSymlink{name_at(change.path), node.target, a.uid, a.gid});
  }
  if (!node.is(Kind::file)) {
    return Op(MakeNode{name_at(change.path), node.kind, a.mode, a.uid, a.gid, a.device});
  }
  Publish publish{name_at(change.path), {}, Version{}, a.mode, a.uid, a.gid, false};
  if (change.before) publish.base = change.before->version;
  auto read = read_content(context, store, volume, node, [&](std::string_view part) -> Status {
    publish.bytes += part;
    return success();
  });
  if (!read) return read.error();
  return Op(std::move(publish));
}

}  // namespace

bool same_content(const Node& before, const Node& after) {
  return before.kind == after.kind &&
         ((before.inode == after.inode && before.version == after.version) ||
          (before.attributes.size == after.attributes.size && before.digest &&
           before.digest == after.digest));
}

Result<VolumeTree> tree_of(Context& context, Store& store, const Volume& volume,
                           std::string_view revision) {
  SnapshotQuery query;
  query.bodies_bytes_max = 0;
  if (revision == "published" && volume.mode == VolumeMode::reviewed) {
    query.at.as_of = volume.published;
  } else if (revision != "head" && revision != "published") {
    query.at.revision = std::string(revision);
  }
  VolumeTree tree;
  std::unordered_map<Inode, std::string> paths;
  auto taken = store.snapshot(context.call(), volume.id, query, [&](SnapshotPart part) {
    for (Entry& entry : part.entries) {
      const bool root = !entry.dentry.parent;
      std::string path = root ? "/" : join(paths[entry.dentry.parent], entry.dentry.name);
      if (entry.node.is(Kind::directory)) paths[entry.node.inode] = path;
      if (!root) tree.emplace(std::move(path), std::move(entry.node));
    }
  });
  if (!taken) return taken.error();
  return tree;
}

std::vector<Difference> differences(const VolumeTree& before, const VolumeTree& after) {
  std::vector<Difference> found;
  auto old = before.begin();
  auto now = after.begin();
  while (old != before.end() || now != after.end()) {
    const bool gone = now == after.end() || (old != before.end() && old->first < now->first);
    const bool made = old == before.end() || (now != after.end() && now->first < old->first);
    if (gone) {
      found.push_back({old->first, old->second, std::nullopt});
      ++old;
    } else if (made) {
      found.push_back({now->first, std::nullopt, now->second});
      ++now;
    } else {
      if (!same(old->second, now->second)) {
        found.push_back({old->first, old->second, now->second});
      }
      ++old;
      ++now;
    }
  }
  return found;
}

Result<std::vector<Step>> steps_to(Context& context, Store& store, VolumeId volume,
                                   const std::vector<Difference>& differences) {
  std::vector<Step> removals;
  std::vector<Step> makings;
  for (const Difference& change : differences) {
    const bool other_kind =
        change.before && change.after && change.before->kind != change.after->kind;
    if (change.before && (!change.after || other_kind || change.after->is(Kind::symlink))) {
      removals.push_back(Step{removal_of(change.path, *change.before), {}});
    }
    if (!change.after) continue;
    if (change.before && !other_kind && change.after->is(Kind::directory)) {
      SetAttributes attributes;
      attributes.node = change.path;
      attributes.mode = change.after->attributes.mode;
      makings.push_back(Step{std::move(attributes), {}});
      continue;
    }
    auto making = making_of(context, store, volume, change);
    if (!making) return making.error();
    makings.push_back(Step{std::move(*making), {}});
  }
  std::reverse(removals.begin(), removals.end());  // children before their parents
  removals.insert(removals.end(), std::make_move_iterator(makings.begin()),
                  std::make_move_iterator(makings.end()));
  return removals;
}

}  // namespace outboard::cli
