#include "cli/sync/followed_tree.h"

#include <algorithm>

#include "core/path.h"

namespace outboard::sync {

Status FollowedTree::load(Store& store, const Call& call, VolumeId volume) {
  nodes_.clear();
  SnapshotQuery query;
  query.bodies_bytes_max = 0;
  auto seq = store.snapshot(call, volume, query, [this](const SnapshotPart& part) {
    for (const Entry& entry : part.entries) {
      nodes_[entry.node.inode].node = entry.node;
      if (entry.node.inode != kRootInode) put_name(entry.dentry, entry.node.inode);
    }
  });
  if (!seq) return seq.error();
  seq_ = *seq;
  return success();
}

std::vector<FollowedTree::Touched> FollowedTree::apply(const Change& change) {
  std::vector<Touched> touched;
  const Inode inode = change.node.inode;
  if (change.before) touch(*change.before, true, touched);
  if (!change.node.removed()) nodes_[inode].node = change.node;
  if (change.before) drop_name(*change.before);
  if (change.after) {
    drop_name(*change.after);
    if (nodes_.contains(inode)) put_name(*change.after, inode);
    if (change.other && change.other->exchanged && change.before &&
        nodes_.contains(change.other->inode)) {
      put_name(*change.before, change.other->inode);
    }
    touch(*change.after, true, touched);
  }
  if (!change.before && !change.after) {
    const auto held = nodes_.find(inode);
    if (held != nodes_.end()) {
      for (const Dentry& name : held->second.names) touch(name, false, touched);
    }
  }
  if (change.node.removed()) remove(inode);
  if (change.other && change.other->links == 0) remove(change.other->inode);
  reach(change.seq);
  return touched;
}

void FollowedTree::put_name(const Dentry& name, Inode inode) {
  const auto parent = nodes_.find(name.parent);
  if (parent == nodes_.end()) return;
  parent->second.children.insert_or_assign(name.name, inode);
  std::vector<Dentry>& names = nodes_[inode].names;
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

void FollowedTree::drop_name(const Dentry& name) {
  const auto parent = nodes_.find(name.parent);
  if (parent == nodes_.end()) return;
  const auto child = parent->second.children.find(name.name);
  if (child == parent->second.children.end()) return;
  const auto held = nodes_.find(child->second);
  if (held != nodes_.end()) std::erase(held->second.names, name);
  parent->second.children.erase(child);
}

void FollowedTree::remove(Inode inode) {
  const auto held = nodes_.find(inode);
  if (held == nodes_.end() || inode == kRootInode) return;
  for (const Dentry& name : std::vector<Dentry>(held->second.names)) drop_name(name);
  std::vector<Inode> inside;
  for (const auto& [name, child] : held->second.children) inside.push_back(child);
  for (const Inode child : inside) remove(child);
  nodes_.erase(inode);
}

// Nothing when the name is not below the part.
void FollowedTree::touch(const Dentry& name, bool below, std::vector<Touched>& touched) const {
  std::string path = "/" + name.name;
  for (Inode at = name.parent; at != kRootInode;) {
    const auto held = nodes_.find(at);
    if (held == nodes_.end() || held->second.names.empty()) return;
    const Dentry& above = held->second.names.front();
    path.insert(0, "/" + above.name);
    at = above.parent;
  }
  if (part_ == "/") return touched.push_back({std::move(path), below});
  if (is_within(part_, path)) return touched.push_back({"/", below});
  if (is_within(path, part_)) touched.push_back({path.substr(part_.size()), below});
}

const FollowedTree::Held* FollowedTree::find(std::string_view volume_path) const {
  auto at = nodes_.find(kRootInode);
  for (const std::string_view name : components_of(volume_path)) {
    if (at == nodes_.end()) return nullptr;
    const auto child = at->second.children.find(name);
    if (child == at->second.children.end()) return nullptr;
    at = nodes_.find(child->second);
  }
  return at == nodes_.end() ? nullptr : &at->second;
}

const Node* FollowedTree::at(std::string_view path) const {
  const Held* held = find(volume_path(path));
  return held == nullptr ? nullptr : &held->node;
}

void FollowedTree::each_below(
    const std::string& path,
    const std::function<void(const std::string&, const Node&)>& visit) const {
  const Held* top = find(volume_path(path));
  if (top == nullptr) return;
  std::vector<std::pair<std::string, const Held*>> open = {{path, top}};
  while (!open.empty()) {
    const auto [at, held] = std::move(open.back());
    open.pop_back();
    for (const auto& [name, inode] : held->children) {
      const auto child = nodes_.find(inode);
      if (child == nodes_.end()) continue;
      const std::string below = join(at, name);
      visit(below, child->second.node);
      if (!child->second.children.empty()) open.emplace_back(below, &child->second);
    }
  }
}

std::string FollowedTree::volume_path(std::string_view path) const {
  if (part_ == "/") return std::string(path);
  return path == "/" ? part_ : part_ + std::string(path);
}

}  // namespace outboard::sync
