#include "fusefs/volume/tree_cache.h"

#include <algorithm>

#include "core/check.h"
#include "core/digest.h"

namespace outboard::fusefs {
namespace {

constexpr std::uint64_t kFirstPlace = 3;
constexpr unsigned kPlaceShift = 4;  // 60 bits are left: below the places of mountpoints
constexpr std::uint32_t kDirectoryLinks = 2;

}  // namespace

std::uint64_t place_of(std::string_view name) {
  return kFirstPlace + (xxh3(name) >> kPlaceShift);
}

std::uint64_t cookie_of(const Places& places, Places::const_iterator at, std::uint64_t from) {
  const auto next = std::next(at);
  const bool shared = next != places.end() && next->first == at->first;
  return shared && at->first - 1 != from ? at->first - 1 : at->first;
}

TreeCache::TreeCache() {
  Node root;
  root.inode = kRootInode;
  root.kind = Kind::directory;
  root.attributes.mode = 0755;
  root.attributes.links = kDirectoryLinks;
  put_node(root);
}

void TreeCache::load(const std::vector<Entry>& entries) {
  for (const Entry& entry : entries) {
    TreeNode& node = put_node(entry.node);
    if (node.children) node.children->complete = true;
    if (node.children) node.node.attributes.links = kDirectoryLinks;
    if (entry.node.inode == kRootInode) continue;
    put_name(entry.dentry, entry.node, {});
  }
}

void TreeCache::loaded(Seq seq, std::string part) {
  find(kRootInode)->children->complete = true;
  seq_ = seq;
  part_ = std::move(part);
  whole_ = true;
}

void TreeCache::begin_at(Seq seq, const Node& root) {
  put_node(root);
  seq_ = seq;
}

void TreeCache::put_unlisted(const Node& node) {
  if (find(node.inode) == nullptr) put_node(node);
}

bool TreeCache::complete(Inode directory) const {
  const TreeNode* node = find(directory);
  return node != nullptr && node->children && node->children->complete;
}

std::uint64_t TreeCache::begin_load(Inode directory) {
  Load& load = loads_[directory];
  load.number = ++last_load_;
  load.since = seq_;
  return load.number;
}

void TreeCache::give_up_load(Inode directory, std::uint64_t load) {
  const auto found = loads_.find(directory);
  if (found != loads_.end() && found->second.number == load) loads_.erase(found);
}

// The race that is won here: the feed has told of more while the entries were on their way. What it
// told of is in the tree, names and nodes, and newer; the rest has not changed since they were
// read.
bool TreeCache::end_load(Inode directory, std::uint64_t load, const std::vector<Entry>& entries) {
  const auto found = loads_.find(directory);
  if (found == loads_.end() || found->second.number != load) return false;
  const Load ended = std::move(found->second);
  loads_.erase(found);
  TreeNode* parent = find(directory);
  if (ended.in_vain || parent == nullptr || !parent->children) return false;
  for (const Entry& entry : entries) {
    const std::string& name = entry.dentry.name;
    if (ended.touched.contains(name) || child(directory, name) != nullptr) continue;
    TreeNode* node = find(entry.node.inode);
    take_child(*parent, {directory, name}, node == nullptr ? put_node(entry.node) : *node);
  }
  parent->children->complete = true;
  count_links(*parent);
  return true;
}

void TreeCache::count_links(TreeNode& directory) const {
  std::uint32_t links = kDirectoryLinks;
  for (const auto& [place, child] : directory.children->places) {
    if (find(child.inode)->node.is(Kind::directory)) ++links;
  }
  directory.node.attributes.links = links;
}

void TreeCache::use(Inode directory, std::uint64_t now) {
  TreeNode* node = find(directory);
  if (node != nullptr && node->children) node->children->used = now;
}

void TreeCache::shrink(std::size_t nodes, std::uint64_t before, const Kept& kept,
                       const Dropped& dropped) {
  std::vector<std::pair<std::uint64_t, Inode>> unused;
  for (const auto& [inode, node] : nodes_) {
    if (!node.children || !node.children->complete || loading(inode)) continue;
    if (node.children->used < before) unused.emplace_back(node.children->used, inode);
  }
  std::ranges::sort(unused);
  for (const auto& [used, inode] : unused) {
    if (nodes_.size() <= nodes) break;
    drop_names_in(inode, kept, dropped);
  }
}

void TreeCache::drop_names_in(Inode directory, const Kept& kept, const Dropped& dropped) {
  TreeNode* node = find(directory);
  if (node == nullptr || !node->children) return;
  node->children->complete = false;
  whole_ = false;
  std::vector<Inode> inside;
  for (const auto& [place, child] : node->children->places) inside.push_back(child.inode);
  std::vector<Inode> staying;
  for (const Inode inode : inside) {
    if (kept(inode)) {
      staying.push_back(inode);
    } else {
      drop_unlisted(inode);
    }
  }
  dropped(directory, staying);
  if (!kept(directory)) drop_unlisted(directory);
}

bool TreeCache::is_listed(const TreeNode& node) const {
  return node.node.inode == kRootInode ||
         std::ranges::any_of(node.names, [&](const Dentry& name) { return complete(name.parent); });
}

bool TreeCache::is_fresh(const TreeNode& node) const {
  return std::ranges::any_of(loads_,
                             [&](const auto& load) { return load.second.since < node.changed; });
}

void TreeCache::drop_unlisted(Inode inode) {
  const TreeNode* node = find(inode);
  if (node == nullptr || is_listed(*node) || loading(inode)) return;
  if (is_fresh(*node)) return unlisted_.push_back(inode);
  if (node->children && (node->children->complete || !node->children->places.empty())) return;
  for (const Dentry& name : node->names) {
    TreeNode* parent = find(name.parent);
    if (parent == nullptr || !drop_child(*parent, name.name)) continue;
    if (parent->children->places.empty()) unlisted_.push_back(name.parent);
  }
  if (node->node.is(Kind::file)) content_bytes_ -= node->node.attributes.size;
  nodes_.erase(inode);
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
  const auto [first, last] = node->children->places.equal_range(place_of(name));
  for (auto at = first; at != last; ++at) {
    if (at->second.name == name) return &at->second;
  }
  return nullptr;
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

bool TreeCache::is_wanted(const Change& change) const {
  return !loads_.empty() || (change.after && complete(change.after->parent));
}

TreeEffect TreeCache::apply(const Change& change, bool from_feed, bool own) {
  TreeEffect effect;
  const Inode inode = change.node.inode;
  const TreeNode* known = find(inode);
  if (known != nullptr) effect.old = known->node;
  effect.node = is_news(ahead_nodes_, inode, change.seq, from_feed);
  const bool wanted = known != nullptr || own || is_wanted(change);
  if (effect.node && wanted && !change.node.removed()) {
    TreeNode& node = put_node(change.node);
    node.changed = change.seq;
    if (known == nullptr && node.children && change.kind == ChangeKind::create) {
      node.children->complete = true;
      node.node.attributes.links = kDirectoryLinks;
    }
  }
  apply_names(change, from_feed, effect);
  if (effect.node && change.node.removed()) remove_node(inode);
  apply_displaced(change, from_feed);
  note_unlisted(inode);
  if (change.other) note_unlisted(change.other->inode);
  return effect;
}

void TreeCache::note_unlisted(Inode inode) {
  const TreeNode* node = find(inode);
  if (node != nullptr && !is_listed(*node)) unlisted_.push_back(inode);
}

void TreeCache::apply_names(const Change& change, bool from_feed, TreeEffect& effect) {
  const bool directory = change.node.is(Kind::directory);
  if (change.before && is_news(ahead_names_, *change.before, change.seq, from_feed)) {
    effect.before = true;
    drop_name(*change.before, change.node.inode, directory, change.at);
  }
  if (!change.after || !is_news(ahead_names_, *change.after, change.seq, from_feed)) return;
  effect.after = true;
  // A directory only ever replaces a directory.
  drop_name(*change.after, change.other ? change.other->inode : Inode{}, directory, change.at);
  put_name(*change.after, change.node, change.at);
  if (change.other && change.other->exchanged && effect.before) apply_exchanged(change);
}

// Of what changes places with another the change tells the number only.
void TreeCache::apply_exchanged(const Change& change) {
  if (const TreeNode* other = find(change.other->inode)) {
    return put_name(*change.before, Node(other->node), change.at);
  }
  TreeNode* parent = find(change.before->parent);
  if (parent == nullptr || !parent->children) return;
  parent->children->complete = false;
  whole_ = false;
  if (change.node.is(Kind::directory)) ++parent->node.attributes.links;
}

void TreeCache::apply_displaced(const Change& change, bool from_feed) {
  if (!change.other) return;
  if (!is_news(ahead_nodes_, change.other->inode, change.seq, from_feed)) return;
  TreeNode* other = find(change.other->inode);
  if (other == nullptr) {
    for (auto& [directory, load] : loads_) load.in_vain = load.in_vain || change.other->links > 0;
    return;
  }
  other->changed = change.seq;
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

TreeNode& TreeCache::put_node(const Node& node) {
  TreeNode& slot = nodes_[node.inode];
  if (slot.node.inode && slot.node.is(Kind::file)) content_bytes_ -= slot.node.attributes.size;
  const Attributes old = slot.node.attributes;
  slot.node = node;
  if (node.is(Kind::file)) content_bytes_ += node.attributes.size;
  if (!node.is(Kind::directory)) return slot;
  if (!slot.children) slot.children.emplace();
  // Links of a complete directory follow from its names; the store may know more than it shows.
  if (slot.children->complete) slot.node.attributes.links = old.links;
  return slot;
}

void TreeCache::take_child(TreeNode& parent, const Dentry& name, TreeNode& node) {
  parent.children->places.emplace(place_of(name.name), Child{name.name, node.node.inode});
  if (std::ranges::find(node.names, name) == node.names.end()) node.names.push_back(name);
}

bool TreeCache::drop_child(TreeNode& parent, std::string_view name) {
  if (!parent.children) return false;
  const auto [first, last] = parent.children->places.equal_range(place_of(name));
  const auto found =
      std::find_if(first, last, [&](const auto& place) { return place.second.name == name; });
  if (found == last) return false;
  parent.children->places.erase(found);
  return true;
}

TreeNode* TreeCache::touch(const Dentry& name, Timestamp at) {
  const auto load = loads_.find(name.parent);
  if (load != loads_.end()) load->second.touched.insert(name.name);
  TreeNode* parent = find(name.parent);
  if (parent == nullptr || !parent->children) return nullptr;
  Attributes& shown = parent->node.attributes;
  shown.modified = std::max(shown.modified, at);
  shown.changed = std::max(shown.changed, at);
  return parent;
}

void TreeCache::put_name(const Dentry& name, const Node& of, Timestamp at) {
  TreeNode* parent = touch(name, at);
  TreeNode* node = find(of.inode);
  if (parent != nullptr && of.is(Kind::directory)) ++parent->node.attributes.links;
  if (node == nullptr) return;
  if (parent != nullptr) return take_child(*parent, name, *node);
  if (std::ranges::find(node->names, name) == node->names.end()) node->names.push_back(name);
}

void TreeCache::drop_name(const Dentry& name, Inode inode, bool directory, Timestamp at) {
  const Child* stood = child(name.parent, name.name);
  if (stood == nullptr && (!inode || complete(name.parent))) return;  // nothing stood there
  if (stood != nullptr) inode = stood->inode;
  TreeNode* parent = touch(name, at);
  if (TreeNode* node = find(inode)) {
    std::erase(node->names, name);
    directory = node->node.is(Kind::directory);
  }
  if (parent == nullptr) return;
  drop_child(*parent, name.name);
  std::uint32_t& links = parent->node.attributes.links;
  if (directory && links > kDirectoryLinks) --links;
}

void TreeCache::remove_node(Inode inode) {
  TreeNode* node = find(inode);
  if (node == nullptr || inode == kRootInode) return;
  const std::vector<Dentry> names = node->names;
  for (const Dentry& name : names) drop_name(name, inode, false, {});
  if (node->children) {  // only after a gap in the news: what was in it goes with it
    std::vector<Inode> inside;
    for (const auto& [place, child] : node->children->places) inside.push_back(child.inode);
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
