#include "core/memory_volume.h"

#include <algorithm>

#include "core/check.h"
#include "core/content.h"
#include "core/limits.h"
#include "core/path.h"

namespace outboard {
namespace {

Error not_found(const std::string& what) {
  Error error;
  error.code = Code::not_found;
  error.message = "there is no " + what;
  error.subject = what;
  return error;
}

Error no_directory(const std::string& what) {
  Error error;
  error.code = Code::not_directory;
  error.message = what + " is no directory: nothing can be below it";
  error.subject = what;
  return error;
}

}  // namespace

MemoryVolume::MemoryVolume(Volume volume, Timestamp now) : volume_(std::move(volume)) {
  StoredNode root;
  root.node.inode = kRootInode;
  root.node.kind = Kind::directory;
  root.node.attributes.mode = 0755;
  root.node.attributes.links = 2;
  root.node.attributes.accessed = now;
  root.node.attributes.modified = now;
  root.node.attributes.changed = now;
  nodes_.emplace(kRootInode, std::move(root));
}

// ── TreeSource ───────────────────────────────────────────────────────────────────────────────────

Result<std::optional<StoredNode>> MemoryVolume::node(Inode inode) {
  const auto found = nodes_.find(inode);
  if (found == nodes_.end() || found->second.node.removed()) return std::optional<StoredNode>{};
  return std::optional(found->second);
}

Result<std::optional<Inode>> MemoryVolume::child(const Dentry& name) {
  const auto found = names_.find(name);
  return found == names_.end() ? std::optional<Inode>{} : std::optional(found->second);
}

Result<Dentry> MemoryVolume::name_of(Inode inode) {
  const auto found = names_of_.find(inode);
  if (found == names_of_.end()) return not_found("name of inode " + to_string(inode));
  return *found->second.begin();
}

Result<std::vector<Dentry>> MemoryVolume::names_of(Inode inode) {
  const auto found = names_of_.find(inode);
  if (found == names_of_.end()) return std::vector<Dentry>{};
  return std::vector<Dentry>(found->second.begin(), found->second.end());
}

Result<std::vector<std::pair<std::string, Inode>>> MemoryVolume::children(Inode directory) {
  std::vector<std::pair<std::string, Inode>> all;
  for (auto at = names_.lower_bound(Dentry{directory, ""});
       at != names_.end() && at->first.parent == directory; ++at) {
    all.emplace_back(at->first.name, at->second);
  }
  return all;
}

Result<bool> MemoryVolume::has_children(Inode directory) {
  const auto first = names_.lower_bound(Dentry{directory, ""});
  return first != names_.end() && first->first.parent == directory;
}

Result<std::optional<StoredVersion>> MemoryVolume::version(Inode inode, Version version) {
  const auto found = contents_.find(ContentKey{inode, version});
  if (found == contents_.end()) return std::optional<StoredVersion>{};
  const MemoryContent& content = found->second;
  return std::optional(
      StoredVersion{version, content.info.size, content.info.digest, content.chunked});
}

Result<std::string> MemoryVolume::inline_content(Inode inode, Version version) {
  auto found = content(inode, version);
  if (!found) return found.error();
  return *(*found)->bytes;
}

Result<Sha256> MemoryVolume::digest(Inode inode, Version version) {
  auto found = content(inode, version);
  if (!found) return found.error();
  return sha256(*(*found)->bytes);
}

Result<Xattrs> MemoryVolume::xattrs(Inode inode) {
  const auto found = xattrs_.find(inode);
  return found == xattrs_.end() ? Xattrs{} : found->second;
}

Result<Inode> MemoryVolume::allot_inode() {
  last_inode_ = Inode{last_inode_.value + 1};
  return last_inode_;
}

// ── Reading ──────────────────────────────────────────────────────────────────────────────────────

const Node* MemoryVolume::find_node(Inode inode) const {
  const auto found = nodes_.find(inode);
  return found == nodes_.end() ? nullptr : &found->second.node;
}

Result<Inode> MemoryVolume::walk(std::string_view path) const {
  Inode at = kRootInode;
  for (const std::string_view name : components_of(path)) {
    if (!nodes_.at(at).node.is(Kind::directory)) return no_directory(std::string(path));
    const auto found = names_.find(Dentry{at, std::string(name)});
    if (found == names_.end()) return not_found(std::string(path));
    at = found->second;
  }
  return at;
}

Result<Inode> MemoryVolume::resolve(const NodeRef& ref) const {
  if (const auto* path = std::get_if<std::string>(&ref)) {
    if (auto good = check_path(*path); !good) return good.error();
    return walk(*path);
  }
  const Inode inode = std::get<Inode>(ref);
  if (find_node(inode) == nullptr) return not_found("inode " + to_string(inode));
  return inode;
}

Result<Entry> MemoryVolume::entry_at(const NameRef& name) const {
  if (name.name.size() > kNameBytesMax) return check_name(name.name).error();
  auto parent = resolve(name.parent);
  if (!parent) return parent.error();
  if (!nodes_.at(*parent).node.is(Kind::directory)) {
    return no_directory("inode " + to_string(*parent));
  }
  const Dentry dentry{*parent, name.name};
  const auto found = names_.find(dentry);
  if (found == names_.end()) return not_found(name.name);
  return Entry{dentry, nodes_.at(found->second).node};
}

Dentry MemoryVolume::dentry_of(Inode inode) const {
  const auto found = names_of_.find(inode);
  return found == names_of_.end() ? Dentry{} : *found->second.begin();
}

Result<const MemoryContent*> MemoryVolume::content(Inode inode, Version version) const {
  const std::string what = "inode " + to_string(inode);
  const Node* node = find_node(inode);
  if (node == nullptr || (!version && node->removed())) return not_found(what);
  if (!node->is(Kind::file)) {
    Error error = not_found(what);
    error.code = node->is(Kind::directory) ? Code::is_directory : Code::invalid;
    error.message = what + " is no regular file: only those have content";
    return error;
  }
  const auto found = contents_.find(ContentKey{inode, version ? version : node->version});
  if (found == contents_.end()) return not_found(what + " at version " + to_string(version));
  return &found->second;
}

Page MemoryVolume::page(Inode directory, std::string_view after, std::uint32_t limit) const {
  Page page;
  const std::uint32_t most = limit == 0 ? kPageEntriesMax : std::min(limit, kPageEntriesMax);
  auto at = after.empty() ? names_.lower_bound(Dentry{directory, ""})
                          : names_.upper_bound(Dentry{directory, std::string(after)});
  for (; at != names_.end() && at->first.parent == directory; ++at) {
    if (page.entries.size() == most) {
      page.next = page.entries.back().dentry.name;
      break;
    }
    page.entries.push_back(Entry{at->first, nodes_.at(at->second).node});
  }
  return page;
}

std::vector<Entry> MemoryVolume::entries() const {
  std::vector<Entry> all{Entry{Dentry{}, nodes_.at(kRootInode).node}};
  for (std::size_t next = 0; next < all.size(); ++next) {
    if (!all[next].node.is(Kind::directory)) continue;
    const Inode directory = all[next].node.inode;
    for (auto at = names_.lower_bound(Dentry{directory, ""});
         at != names_.end() && at->first.parent == directory; ++at) {
      all.push_back(Entry{at->first, nodes_.at(at->second).node});
    }
  }
  return all;
}

std::vector<std::string> MemoryVolume::paths(Inode inode) const {
  std::vector<std::string> found;
  if (inode == kRootInode) return {"/"};
  const Node* node = find_node(inode);
  if (node == nullptr) return found;
  if (node->removed()) {
    const auto last = std::find_if(log_.rbegin(), log_.rend(), [&](const Change& change) {
      return change.node.inode == inode;
    });
    if (last != log_.rend()) found.push_back(last->path);
    return found;
  }
  for (const Dentry& name : names_of_.at(inode)) {
    std::string path = "/" + name.name;
    for (Inode at = name.parent; at != kRootInode;) {
      const Dentry above = *names_of_.at(at).begin();
      path = "/" + above.name + path;
      at = above.parent;
    }
    found.push_back(std::move(path));
  }
  return found;
}

std::vector<VersionInfo> MemoryVolume::versions(Inode inode) const {
  std::vector<VersionInfo> kept;
  for (auto at = contents_.lower_bound(ContentKey{inode, {}});
       at != contents_.end() && at->first.inode == inode; ++at) {
    kept.push_back(at->second.info);
  }
  std::reverse(kept.begin(), kept.end());
  return kept;
}

// ── Changing ─────────────────────────────────────────────────────────────────────────────────────

void MemoryVolume::absorb(const WorkingSet& set) {
  const std::uint64_t before = volume_.head.value;
  volume_.head = set.volume().head;
  volume_.used_bytes = set.volume().used_bytes;
  volume_.used_nodes = set.volume().used_nodes;
  volume_.used_versions = set.volume().used_versions;
  for (const auto& [stored, created] : set.changed_nodes()) nodes_[stored.node.inode] = stored;
  for (const auto& [name, inode] : set.changed_names()) {
    if (const auto old = names_.find(name); old != names_.end()) {
      auto& others = names_of_[old->second];
      others.erase(name);
      if (others.empty()) names_of_.erase(old->second);
      names_.erase(old);
    }
    if (!inode) continue;
    names_[name] = *inode;
    names_of_[*inode].insert(name);
  }
  for (const auto& [inode, xattrs] : set.changed_xattrs()) xattrs_[inode] = xattrs;
  for (const ContentEdit& edit : set.contents()) {
    MemoryContent made;
    std::string_view base;
    if (!edit.bytes && edit.base) base = *contents_.at(ContentKey{edit.inode, edit.base}).bytes;
    made.bytes = std::make_shared<const std::string>(apply_edit(edit, base));
    CHECK(made.bytes->size() == edit.size);
    made.chunked = !edit.bytes;
    const Change& change = set.changes().at(edit.seq.value - before - 1);
    made.info = VersionInfo{edit.version,  edit.seq,  edit.size,     edit.digest,
                            change.origin, change.at, edit.conflict, false};
    contents_[ContentKey{edit.inode, edit.version}] = std::move(made);
  }
  log_.insert(log_.end(), set.changes().begin(), set.changes().end());
}

void MemoryVolume::prune(Seq upto) {
  std::erase_if(log_, [&](const Change& change) { return change.seq <= upto; });
  oldest_ = std::max(oldest_, Seq{std::min(upto, volume_.head).value + 1});
  volume_.used_versions -= std::erase_if(contents_, [&](const auto& kept) {
    const Node* node = find_node(kept.first.inode);
    const bool shown = !node->removed() && node->version == kept.first.version;
    return !shown && kept.second.info.seq <= upto;
  });
}

}  // namespace outboard
