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

}  // namespace

MemoryVolume::MemoryVolume(Volume volume, Timestamp now)
    : volume_(std::move(volume)), now_(MemoryTree::empty(now)), base_(now_) {}

// ── TreeSource ───────────────────────────────────────────────────────────────────────────────────

Result<std::optional<StoredNode>> MemoryVolume::node(Inode inode) {
  const auto found = now_.nodes.find(inode);
  if (found == now_.nodes.end() || found->second.node.removed()) return std::optional<StoredNode>{};
  return std::optional(found->second);
}

Result<std::optional<StoredNode>> MemoryVolume::removed_node(Inode inode) {
  const auto found = now_.nodes.find(inode);
  if (found == now_.nodes.end()) return std::optional<StoredNode>{};
  return std::optional(found->second);
}

Result<std::optional<Inode>> MemoryVolume::child(const Dentry& name) {
  const auto found = now_.names.find(name);
  return found == now_.names.end() ? std::optional<Inode>{} : std::optional(found->second);
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
  for (auto at = now_.names.lower_bound(Dentry{directory, ""});
       at != now_.names.end() && at->first.parent == directory; ++at) {
    all.emplace_back(at->first.name, at->second);
  }
  return all;
}

Result<bool> MemoryVolume::has_children(Inode directory) {
  const auto first = now_.names.lower_bound(Dentry{directory, ""});
  return first != now_.names.end() && first->first.parent == directory;
}

Result<std::optional<StoredVersion>> MemoryVolume::version(Inode inode, Version version) {
  const auto found = contents_.find(ContentKey{inode, version});
  if (found == contents_.end()) return std::optional<StoredVersion>{};
  const MemoryContent& content = found->second;
  return std::optional(StoredVersion{version, content.info.size, content.info.digest,
                                     content.chunked, content.info.redacted});
}

Result<std::string> MemoryVolume::inline_content(Inode inode, Version version) {
  auto found = content(inode, version);
  if (!found) return found.error();
  return *(*found)->bytes;
}

Result<std::string> MemoryVolume::chunked_content(Inode inode, const StoredVersion& version,
                                                  std::uint64_t offset, std::uint64_t size) {
  auto found = content(inode, version.version);
  if (!found) return found.error();
  const std::string& bytes = *(*found)->bytes;
  return offset < bytes.size() ? bytes.substr(offset, size) : std::string();
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

// Back from now, change by change.
Result<Xattrs> MemoryVolume::xattrs_as_of(Inode inode, Seq seq) const {
  Xattrs then;
  if (const auto now = xattrs_.find(inode); now != xattrs_.end()) then = now->second;
  const auto found = formers_.find(inode);
  if (found == formers_.end()) return then;
  std::map<std::string, Lost> lost;
  for (auto former = found->second.rbegin(); former != found->second.rend() && former->seq > seq;
       ++former) {
    lost[former->name] = former->lost;
    then.erase(former->name);
    if (former->value) then[former->name] = *former->value;
  }
  for (const auto& [name, how] : lost) {
    if (how != Lost::nothing) return lost_xattr(inode, seq, how);
  }
  return then;
}

Result<Inode> MemoryVolume::allot_inode() {
  last_inode_ = Inode{last_inode_.value + 1};
  return last_inode_;
}

// ── Reading ──────────────────────────────────────────────────────────────────────────────────────

Dentry MemoryVolume::dentry_of(Inode inode) const {
  const auto found = names_of_.find(inode);
  return found == names_of_.end() ? Dentry{} : *found->second.begin();
}

Result<const MemoryContent*> MemoryVolume::content(Inode inode, Version version) const {
  const std::string what = "inode " + to_string(inode);
  const Node* node = now_.find_node(inode);
  if (node == nullptr || (!version && node->removed())) return not_found(what);
  if (!node->is(Kind::file)) {
    Error error = not_found(what);
    error.code = node->is(Kind::directory) ? Code::is_directory : Code::invalid;
    error.message = what + " is no regular file: only those have content";
    return error;
  }
  const auto found = contents_.find(ContentKey{inode, version ? version : node->version});
  if (found == contents_.end()) return not_found(what + " at version " + to_string(version));
  if (found->second.info.redacted) {
    Error error = not_found(what);
    error.message = "the bytes of version " + to_string(found->first.version) + " of " + what +
                    " were redacted: write the file whole";
    return error;
  }
  return &found->second;
}

std::vector<std::string> MemoryVolume::paths(const MemoryTree& tree, Inode inode, Seq upto) const {
  std::vector<std::string> found;
  if (inode == kRootInode) return {"/"};
  const Node* node = tree.find_node(inode);
  if (node == nullptr) return found;
  if (node->removed()) {
    const auto last = std::find_if(log_.rbegin(), log_.rend(), [&](const Change& change) {
      return change.seq <= upto && change.node.inode == inode;
    });
    if (last != log_.rend()) found.push_back(last->path);
    return found;
  }
  std::map<Inode, Dentry> directories;
  std::vector<Dentry> names;
  for (const auto& [name, led_to] : tree.names) {
    if (tree.nodes.at(led_to).node.is(Kind::directory)) directories.emplace(led_to, name);
    if (led_to == inode) names.push_back(name);
  }
  for (const Dentry& name : names) {
    std::string path = "/" + name.name;
    for (Inode at = name.parent; at != kRootInode; at = directories.at(at).parent) {
      path = "/" + directories.at(at).name + path;
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
  for (const auto& [stored, created] : set.changed_nodes()) now_.nodes[stored.node.inode] = stored;
  for (const auto& [name, inode] : set.changed_names()) {
    if (const auto old = now_.names.find(name); old != now_.names.end()) {
      auto& others = names_of_[old->second];
      others.erase(name);
      if (others.empty()) names_of_.erase(old->second);
      now_.names.erase(old);
    }
    if (!inode) continue;
    now_.names[name] = *inode;
    names_of_[*inode].insert(name);
  }
  for (const auto& [inode, xattrs] : set.changed_xattrs()) xattrs_[inode] = xattrs;
  for (const ContentEdit& edit : set.contents()) {
    MemoryContent made;
    std::string_view base;
    if (!edit.bytes && edit.base) {
      const Inode from = edit.base_inode ? edit.base_inode : edit.inode;
      base = *contents_.at(ContentKey{from, edit.base}).bytes;
    }
    made.bytes = std::make_shared<const std::string>(apply_edit(edit, base));
    CHECK(made.bytes->size() == edit.size);
    made.chunked = !edit.bytes;
    made.passing = edit.passing;
    const Change& change = set.changes().at(edit.seq.value - before - 1);
    made.info = VersionInfo{edit.version,  edit.seq,  edit.size,     edit.digest,
                            change.origin, change.at, edit.conflict, false};
    contents_[ContentKey{edit.inode, edit.version}] = std::move(made);
  }
  for (const auto& [inode, version] : set.historic()) {
    contents_.at(ContentKey{inode, version}).passing = false;
  }
  for (const ContentEdit& edit : set.contents()) {
    if (edit.passing) drop_passing(edit.inode, edit.version);
  }
  for (const FormerXattr& former : set.formers()) formers_[former.inode].push_back(former);
  log_.insert(log_.end(), set.changes().begin(), set.changes().end());
  for (const Redaction& redaction : set.redactions()) redact(redaction);
  for (const Inode inode : set.redacted_formers()) {
    for (FormerXattr& former : formers_[inode]) {
      if (former.value) former.lost = Lost::redacted;
      former.value.reset();
    }
  }
}

void MemoryVolume::redact(const Redaction& redaction) {
  for (auto& [key, content] : contents_) {
    if (!redaction.covers(key.inode, key.version)) continue;
    content.bytes = std::make_shared<const std::string>();
    content.chunked = false;
    content.info.digest.reset();
    content.info.redacted = true;
  }
  const auto blank = [&](Node& node) {
    if (redaction.covers(node.inode, node.version)) node.digest.reset();
  };
  for (Change& change : log_) {
    if (!redaction.covers(change.node.inode, change.node.version)) continue;
    change.node.digest.reset();
    change.redacted = true;
  }
  for (auto& [inode, stored] : base_.nodes) blank(stored.node);
}

void MemoryVolume::drop_passing(Inode inode, Version newest) {
  for (auto at = contents_.lower_bound(ContentKey{inode, {}});
       at != contents_.end() && at->first.inode == inode &&
       at->first.version.value + 1 < newest.value;) {
    if (!at->second.passing) {
      ++at;
      continue;
    }
    at = contents_.erase(at);
    --volume_.used_versions;
  }
}

MemoryTree MemoryVolume::as_of(Seq seq) const {
  CHECK(seq.value + 1 >= oldest_.value);
  MemoryTree tree = base_;
  for (const Change& change : log_) {
    if (change.seq > seq) break;
    tree.follow(change);
  }
  return tree;
}

void MemoryVolume::prune(Seq upto) {
  upto = std::min(upto, volume_.head);
  if (upto.value + 1 <= oldest_.value) return;
  base_ = as_of(upto);
  base_.drop_removed_nodes();
  std::erase_if(log_, [&](const Change& change) { return change.seq <= upto; });
  for (auto& [inode, formers] : formers_) {
    std::erase_if(formers, [&](const FormerXattr& former) { return former.seq <= upto; });
  }
  oldest_ = Seq{upto.value + 1};
  volume_.pruned = upto;
  volume_.used_versions -= std::erase_if(contents_, [&](const auto& kept) {
    const auto shows = [&](const MemoryTree& tree) {
      const Node* node = tree.find_node(kept.first.inode);
      return node != nullptr && !node->removed() && node->version == kept.first.version;
    };
    return !shows(now_) && !shows(base_) && kept.second.info.seq <= upto;
  });
}

}  // namespace outboard
