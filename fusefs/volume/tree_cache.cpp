#include "fusefs/volume/tree_cache.h"

#include <algorithm>

#include "core/check.h"

namespace outboard::fusefs {

TreeCache::TreeCache() {
  Node root;
  root.inode = kRootInode;
  root.kind = Kind::directory;
  root.attributes.mode = 0755;
  root.attributes.links = 2;
  put_node(root);
}

void TreeCache::load(const std::vector<Entry>& entries) {
  for (const Entry& entry : entries) {
    put_node(entry.node);
    if (entry.node.inode == kRootInode) continue;
    put_name(entry.dentry, entry.node.inode, {});
  }
}

const TreeNode* TreeCache::find(Inode inode) const {
  const auto found = nodes_.find(inode);
  return found == nodes_.end() ? nullptr : &found->second;
}

TreeNode* TreeCache::find(Inode inode) {
  const auto found = nodes_.find(inode);
  return found == nodes_.end() ? nullptr : &found->second;
}

const Child* TreeCache::child(Inode directory, std::string_view name) const {
  const TreeNode* node = find(directory);
  if (node == nullptr || !node->children) return nullptr;
  const auto found = node->children->names.find(name);
  return found == node->children->names.end() ? nullptr : &found->second;
}

Inode TreeCache::parent(Inode directory) const {
  const auto name = name_of(directory);
  return name ? name->parent : kRootInode;
}

std::optional<Dentry> TreeCache::name_of(Inode inode) const {
  const TreeNode* node = find(inode);
  if (node == nullptr || node->names.empty()) return std::nullopt;
  return node->names.front();
}

template <class Key>
bool TreeCache::is_news(std::map<Key, Seq>& ahead, const Key& key, Seq seq, bool from_feed) {
  if (!from_feed && seq <= seq_) return false;  // the feed told it before
  const auto found = ahead.find(key);
  if (found != ahead.end() && found->second >= seq) return false;
  if (!from_feed) ahead[key] = seq;
  return true;
}

TreeEffect TreeCache::apply(const Change& change, bool from_feed) {
  TreeEffect effect;
  const Inode inode = change.node.inode;
  if (const TreeNode* known = find(inode)) effect.old = known->node;
  effect.node = is_news(ahead_nodes_, inode, change.seq, from_feed);
  if (effect.node && !change.node.removed()) put_node(change.node);
  apply_names(change, from_feed, effect);
  if (effect.node && change.node.removed()) remove_node(inode);
  apply_displaced(change, from_feed);
  return effect;
}

void TreeCache::apply_names(const Change& change, bool from_feed, TreeEffect& effect) {
  const Inode inode = change.node.inode;
  if (change.before && is_news(ahead_names_, *change.before, change.seq, from_feed)) {
    effect.before = true;
    drop_name(*change.before, change.at);
  }
  if (!change.after || !is_news(ahead_names_, *change.after, change.seq, from_feed)) return;
  effect.after = true;
  drop_name(*change.after, change.at);
  if (find(inode) != nullptr) put_name(*change.after, inode, change.at);
  if (change.other && change.other->exchanged && effect.before && find(change.other->inode)) {
    put_name(*change.before, change.other->inode, change.at);
  }
}

void TreeCache::apply_displaced(const Change& change, bool from_feed) {
  if (!change.other) return;
  if (!is_news(ahead_nodes_, change.other->inode, change.seq, from_feed)) return;
  TreeNode* other = find(change.other->inode);
  if (other == nullptr) return;
  if (change.other->links == 0) return remove_node(change.other->inode);
  if (!other->node.is(Kind::directory)) other->node.attributes.links = change.other->links;
  other->node.attributes.changed = change.at;
}

void TreeCache::feed_passed(Seq seq) {
  seq_ = std::max(seq_, seq);
  std::erase_if(ahead_nodes_, [&](const auto& item) { return item.second <= seq_; });
  std::erase_if(ahead_names_, [&](const auto& item) { return item.second <= seq_; });
}

Seq TreeCache::ahead() const {
  Seq last = seq_;
  for (const auto& [inode, seq] : ahead_nodes_) last = std::max(last, seq);
  for (const auto& [name, seq] : ahead_names_) last = std::max(last, seq);
  return last;
}

void TreeCache::set_generation(Inode inode, std::uint32_t generation) {
  if (TreeNode* node = find(inode)) node->generation = generation;
}

void TreeCache::put_node(const Node& node) {
  TreeNode& slot = nodes_[node.inode];
  if (slot.node.inode && slot.node.is(Kind::file)) content_bytes_ -= slot.node.attributes.size;
  const Attributes old = slot.node.attributes;
  slot.node = node;
  if (node.is(Kind::file)) content_bytes_ += node.attributes.size;
  if (!node.is(Kind::directory)) return;
  // Links of directories follow from the names that are known here; the store may know more.
  slot.node.attributes.links = slot.children ? old.links : 2;
  if (!slot.children) slot.children.emplace();
}

void TreeCache::put_name(const Dentry& name, Inode inode, Timestamp at) {
  TreeNode* parent = find(name.parent);
  TreeNode* node = find(inode);
  if (parent == nullptr || !parent->children || node == nullptr) return;
  drop_name(name, at);
  const std::uint64_t cookie = parent->children->next_cookie++;
  parent->children->names[name.name] = {inode, cookie};
  parent->children->order[cookie] = name.name;
  node->names.push_back(name);
  Attributes& shown = parent->node.attributes;
  shown.modified = std::max(shown.modified, at);
  shown.changed = std::max(shown.changed, at);
  if (node->node.is(Kind::directory)) ++shown.links;
}

void TreeCache::drop_name(const Dentry& name, Timestamp at) {
  TreeNode* parent = find(name.parent);
  if (parent == nullptr || !parent->children) return;
  const auto found = parent->children->names.find(name.name);
  if (found == parent->children->names.end()) return;
  const Inode inode = found->second.inode;
  parent->children->order.erase(found->second.cookie);
  parent->children->names.erase(found);
  Attributes& shown = parent->node.attributes;
  shown.modified = std::max(shown.modified, at);
  shown.changed = std::max(shown.changed, at);
  TreeNode* node = find(inode);
  CHECK(node != nullptr);
  std::erase(node->names, name);
  if (node->node.is(Kind::directory)) --shown.links;
}

void TreeCache::remove_node(Inode inode) {
  TreeNode* node = find(inode);
  if (node == nullptr || inode == kRootInode) return;
  const std::vector<Dentry> names = node->names;
  for (const Dentry& name : names) drop_name(name, {});
  if (node->children) {  // only after a gap in the news: what was in it goes with it
    std::vector<Inode> inside;
    for (const auto& [name, child] : node->children->names) inside.push_back(child.inode);
    for (const Inode child : inside) remove_node(child);
  }
  if (node->node.is(Kind::file)) content_bytes_ -= node->node.attributes.size;
  nodes_.erase(inode);
}

namespace {

Dentry dentry_of(const NameRef& name) {
  return {std::get<Inode>(name.parent), name.name};
}

// A rename by this mount: what stood at the target goes, or changes places.
std::optional<Displaced> displaced_by(const Rename& op, Inode moved, const TreeCache& tree) {
  const Child* stood = tree.child(std::get<Inode>(op.to.parent), op.to.name);
  if (stood == nullptr || stood->inode == moved) return std::nullopt;
  const TreeNode* node = tree.find(stood->inode);
  const bool exchanged = op.mode == RenameMode::exchange;
  const std::uint32_t links = node->node.is(Kind::directory) ? 0 : node->node.attributes.links - 1;
  return Displaced{stood->inode, exchanged ? node->node.attributes.links : links, exchanged};
}

}  // namespace

std::optional<Change> change_of(const Op& op, const Outcome& outcome, const TreeCache& tree) {
  if (!outcome.seq) return std::nullopt;
  Change change;
  change.seq = outcome.seq;
  change.node = outcome.node;
  change.at = outcome.node.attributes.changed;
  change.kind = ChangeKind::attributes;
  if (outcome.created) {
    change.kind = ChangeKind::create;
    change.after = outcome.dentry;
  } else if (const auto* link = std::get_if<MakeLink>(&op)) {
    change.kind = ChangeKind::link;
    change.after = dentry_of(link->at);
  } else if (const auto* rename = std::get_if<Rename>(&op)) {
    change.kind = ChangeKind::rename;
    change.before = dentry_of(rename->from);
    change.after = outcome.conflict_copy.value_or(dentry_of(rename->to));
    if (!outcome.conflict_copy) change.other = displaced_by(*rename, outcome.node.inode, tree);
  } else if (const auto* unlink = std::get_if<Unlink>(&op)) {
    change.kind = ChangeKind::unlink;
    change.before = dentry_of(unlink->at);
  } else if (const auto* removal = std::get_if<RemoveDirectory>(&op)) {
    change.kind = ChangeKind::unlink;
    change.before = dentry_of(removal->at);
  } else if (std::holds_alternative<SetXattr>(op) || std::holds_alternative<RemoveXattr>(op)) {
    change.kind = ChangeKind::xattrs;
  } else if (std::holds_alternative<Append>(op)) {
    change.kind = ChangeKind::append;
  } else if (!std::holds_alternative<SetAttributes>(op)) {
    change.kind = ChangeKind::write;
  }
  return change;
}

}  // namespace outboard::fusefs
