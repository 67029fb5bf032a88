#include "core/working_set.h"

#include <algorithm>

#include "core/check.h"
#include "core/content.h"
#include "core/path.h"

namespace outboard {
namespace {

Error missing(Inode inode) {
  return Error{Code::not_found, "there is no node " + to_string(inode) + ", or it was removed",
               to_string(inode)};
}

Error redacted_bytes(Inode inode, Version version) {
  return Error{Code::not_found,
               "the bytes of version " + to_string(version) + " of node " + to_string(inode) +
                   " were redacted: nothing can be made from them, write the file whole",
               to_string(inode)};
}

}  // namespace

Error lost_xattr(Inode inode, Seq seq, Lost lost) {
  CHECK(lost != Lost::nothing);
  return Error{Code::history_gone,
               "an extended attribute of node " + to_string(inode) + " as of seq " +
                   to_string(seq) +
                   (lost == Lost::redacted ? " was redacted: its value is gone for good"
                                           : " is no longer kept"),
               to_string(inode)};
}

namespace {

std::uint64_t moved_by(std::uint64_t value, std::int64_t by) {
  const auto step = static_cast<std::uint64_t>(by);  // wraps as two's complement does
  CHECK(by >= 0 || value >= -step);
  return value + step;
}

}  // namespace

WorkingSet::WorkingSet(TreeSource& source, Volume volume, Timestamp now)
    : source_(source), volume_(std::move(volume)), now_(now) {}

// ── Reading ──────────────────────────────────────────────────────────────────────────────────────

bool WorkingSet::is_new(Inode inode) const {
  const auto found = nodes_.find(inode);
  return found != nodes_.end() && found->second.created;
}

Result<WorkingSet::NodeSlot*> WorkingSet::load_node(Inode inode) {
  const auto found = nodes_.find(inode);
  if (found != nodes_.end()) return &found->second;
  auto read = source_.node(inode);
  if (!read) return read.error();
  return &nodes_.emplace(inode, NodeSlot{std::move(*read)}).first->second;
}

Result<WorkingSet::NameSlot*> WorkingSet::load_name(const Dentry& name) {
  const auto found = names_.find(name);
  if (found != names_.end()) return &found->second;
  NameSlot slot;
  if (!is_new(name.parent)) {
    auto read = source_.child(name);
    if (!read) return read.error();
    slot.value = *read;
    slot.in_source = read->has_value();
  }
  if (slot.value) placed_.emplace(*slot.value, name);
  return &names_.emplace(name, slot).first->second;
}

Result<std::optional<StoredNode>> WorkingSet::node(Inode inode) {
  auto slot = load_node(inode);
  if (!slot) return slot.error();
  const auto& value = (*slot)->value;
  if (value && value->node.removed()) return std::optional<StoredNode>{};
  return value;
}

Result<std::optional<StoredNode>> WorkingSet::known_node(Inode inode) {
  auto slot = load_node(inode);
  if (!slot) return slot.error();
  if (!(*slot)->value) {
    auto read = source_.removed_node(inode);
    if (!read) return read.error();
    (*slot)->value = std::move(*read);
  }
  return (*slot)->value;
}

Result<std::optional<Inode>> WorkingSet::child(const Dentry& name) {
  auto slot = load_name(name);
  if (!slot) return slot.error();
  return (*slot)->value;
}

// What the source knows becomes slots first; a slot that is there already is newer.
Result<std::vector<std::pair<std::string, Inode>>> WorkingSet::children(Inode directory) {
  if (!is_new(directory)) {
    auto read = source_.children(directory);
    if (!read) return read;
    for (const auto& [name, inode] : *read) {
      names_.emplace(Dentry{directory, name}, NameSlot{inode, true, false});
      placed_.emplace(inode, Dentry{directory, name});
    }
  }
  std::vector<std::pair<std::string, Inode>> all;
  for (auto at = names_.lower_bound(Dentry{directory, ""});
       at != names_.end() && at->first.parent == directory; ++at) {
    if (at->second.value) all.emplace_back(at->first.name, *at->second.value);
  }
  return all;
}

Result<bool> WorkingSet::has_children(Inode directory) {
  bool dropped = false;
  for (auto at = names_.lower_bound(Dentry{directory, ""});
       at != names_.end() && at->first.parent == directory; ++at) {
    if (at->second.value) return true;
    dropped = dropped || at->second.in_source;
  }
  if (is_new(directory)) return false;
  if (!dropped) return source_.has_children(directory);
  auto left = children(directory);
  if (!left) return left.error();
  return !left->empty();
}

Result<bool> WorkingSet::leads_to(const Dentry& name, Inode inode) {
  auto slot = load_name(name);
  if (!slot) return slot.error();
  return (*slot)->value == inode;
}

Result<Dentry> WorkingSet::name_of(Inode inode) {
  if (inode == kRootInode) return Dentry{};
  if (const auto hint = placed_.find(inode); hint != placed_.end()) {
    const Dentry name = hint->second;
    auto good = leads_to(name, inode);
    if (!good) return good.error();
    if (*good) return name;
  }
  if (!is_new(inode)) {
    auto read = source_.name_of(inode);
    if (!read) return read.error();
    auto good = leads_to(*read, inode);
    if (!good) return good.error();
    if (*good) {
      placed_[inode] = *read;
      return read;
    }
  }
  // Its known names were dropped in this set: one of the set's own is left, or one not yet read.
  const auto own = std::find_if(names_.begin(), names_.end(),
                                [&](const auto& slot) { return slot.second.value == inode; });
  if (own == names_.end()) return missing(inode);
  placed_[inode] = own->first;
  return own->first;
}

Result<std::string> WorkingSet::path_of(Inode inode) {
  std::vector<std::string> names;
  while (inode != kRootInode) {
    auto name = name_of(inode);
    if (!name) return name.error();
    inode = name->parent;
    names.push_back(std::move(name->name));
  }
  std::string path;
  for (auto name = names.rbegin(); name != names.rend(); ++name) path.append("/").append(*name);
  return path.empty() ? "/" : path;
}

Result<std::string> WorkingSet::path_of(const Dentry& name) {
  if (!name.parent) return std::string("/");
  auto parent = path_of(name.parent);
  if (!parent) return parent;
  return join(*parent, name.name);
}

Result<std::vector<std::string>> WorkingSet::paths_of(Inode inode) {
  std::set<Dentry> names;
  if (inode != kRootInode && !is_new(inode)) {
    auto read = source_.names_of(inode);
    if (!read) return read.error();
    for (Dentry& name : *read) {
      auto good = leads_to(name, inode);
      if (!good) return good.error();
      if (*good) names.insert(std::move(name));
    }
  }
  for (const auto& [name, slot] : names_) {
    if (slot.changed && slot.value == inode) names.insert(name);
  }
  std::vector<std::string> paths;
  if (inode == kRootInode) paths.emplace_back("/");
  for (const Dentry& name : names) {
    auto path = path_of(name);
    if (!path) return path.error();
    paths.push_back(*std::move(path));
  }
  return paths;
}

const ContentEdit* WorkingSet::edit_of(Inode inode, Version version) const {
  const auto found = content_at_.find({inode, version});
  return found == content_at_.end() ? nullptr : &contents_[found->second];
}

Result<std::optional<StoredVersion>> WorkingSet::version(Inode inode, Version version) {
  Result<std::optional<StoredVersion>> found = std::optional<StoredVersion>{};
  if (const ContentEdit* edit = edit_of(inode, version)) {
    found = std::optional(StoredVersion{version, edit->bytes ? edit->bytes->size() : edit->size,
                                        edit->digest, !edit->bytes});
  } else if (!is_new(inode)) {
    found = source_.version(inode, version);
  }
  if (found && *found && is_redacted(inode, version)) {
    **found = StoredVersion{version, (*found)->size, {}, false, true};
  }
  return found;
}

bool WorkingSet::is_redacted(Inode inode, Version version) const {
  return std::any_of(redactions_.begin(), redactions_.end(),
                     [&](const Redaction& one) { return one.covers(inode, version); });
}

Result<std::string> WorkingSet::inline_content(Inode inode, Version version) {
  if (is_redacted(inode, version)) return redacted_bytes(inode, version);
  const ContentEdit* edit = edit_of(inode, version);
  if (edit == nullptr) return source_.inline_content(inode, version);
  CHECK(edit->bytes);
  return *edit->bytes;
}

Result<std::string> WorkingSet::content(Inode inode, Version version, std::uint64_t offset,
                                        std::uint64_t size) {
  if (const ContentEdit* edit = edit_of(inode, version)) {
    if (edit->bytes) return offset < edit->bytes->size() ? edit->bytes->substr(offset, size) : "";
    const std::uint64_t kept = edit->keep > offset ? std::min(size, edit->keep - offset) : 0;
    const Version base = edit->base;
    auto below = kept > 0 && base ? content(inode, base, offset, kept) : std::string();
    if (!below) return below;
    const ContentEdit& laid = *edit_of(inode, version);
    const std::uint64_t end = std::min(laid.size, offset + size);
    return end > offset ? passage_of(laid, *std::move(below), offset, end - offset) : "";
  }
  auto stored = this->version(inode, version);
  if (!stored) return stored.error();
  CHECK(*stored);
  if ((*stored)->chunked) return source_.chunked_content(inode, **stored, offset, size);
  auto whole = source_.inline_content(inode, version);
  if (!whole) return whole;
  return offset < whole->size() ? whole->substr(offset, size) : "";
}

Result<Sha256> WorkingSet::digest(const StoredNode& node) {
  if (node.node.digest) return *node.node.digest;
  const ContentEdit* edit = edit_of(node.node.inode, node.node.version);
  if (edit == nullptr) return source_.digest(node.node.inode, node.node.version);
  if (edit->digest) return *edit->digest;
  if (edit->bytes || !edit->base) return sha256(apply_edit(*edit, {}));
  return Error{Code::unavailable,
               "the digest of a large file that is being changed in the same transaction is not "
               "known yet: try again",
               to_string(node.node.inode)};
}

Result<Xattrs> WorkingSet::xattrs(Inode inode) {
  const auto found = xattrs_.find(inode);
  if (found != xattrs_.end()) return found->second.value;
  if (is_new(inode)) return Xattrs{};
  auto read = source_.xattrs(inode);
  if (!read) return read;
  return xattrs_.emplace(inode, XattrSlot{std::move(*read)}).first->second.value;
}

// ── Changing ─────────────────────────────────────────────────────────────────────────────────────

void WorkingSet::put_node(const StoredNode& node) {
  NodeSlot& slot = nodes_[node.node.inode];
  undo_.emplace_back(std::pair(node.node.inode, slot));
  slot.created = slot.created || !slot.value;
  slot.changed = true;
  slot.value = node;
}

void WorkingSet::put_name(const Dentry& name, Inode inode) {
  NameSlot& slot = names_[name];
  undo_.emplace_back(std::pair(name, slot));
  slot.changed = true;
  slot.value = inode;
  placed_[inode] = name;
}

void WorkingSet::drop_name(const Dentry& name) {
  NameSlot& slot = names_[name];
  CHECK(slot.value);
  undo_.emplace_back(std::pair(name, slot));
  slot.changed = true;
  slot.value.reset();
}

void WorkingSet::put_xattrs(Inode inode, Xattrs xattrs) {
  XattrSlot& slot = xattrs_[inode];
  undo_.emplace_back(std::pair(inode, slot));
  slot = XattrSlot{std::move(xattrs), true};
}

void WorkingSet::put_content(ContentEdit edit) {
  content_at_[{edit.inode, edit.version}] = contents_.size();
  ++volume_.used_versions;
  contents_.push_back(std::move(edit));
}

void WorkingSet::move_subtree(SubtreeMove move) {
  moves_.push_back(std::move(move));
}

Seq WorkingSet::record(Change change) {
  volume_.head = Seq{volume_.head.value + 1};
  change.seq = volume_.head;
  change.at = now_;
  changes_.push_back(std::move(change));
  return volume_.head;
}

void WorkingSet::flag_warned(Seq seq) {
  CHECK(!changes_.empty() && seq >= changes_.front().seq && seq <= volume_.head);
  changes_[seq.value - changes_.front().seq.value].warned = true;
}

void WorkingSet::put_into_history(Inode inode, Version version) {
  historic_.emplace_back(inode, version);
}

void WorkingSet::use(std::int64_t bytes, std::int64_t nodes) {
  volume_.used_bytes = moved_by(volume_.used_bytes, bytes);
  volume_.used_nodes = moved_by(volume_.used_nodes, nodes);
}

// ── Savepoints ───────────────────────────────────────────────────────────────────────────────────

WorkingSet::Savepoint WorkingSet::savepoint() const {
  Savepoint savepoint;
  savepoint.undo = undo_.size();
  savepoint.changes = changes_.size();
  savepoint.contents = contents_.size();
  savepoint.moves = moves_.size();
  savepoint.historic = historic_.size();
  savepoint.redactions = redactions_.size();
  savepoint.formers = formers_.size();
  savepoint.redacted_formers = redacted_formers_.size();
  savepoint.volume = volume_;
  return savepoint;
}

void WorkingSet::undo_to(const Savepoint& savepoint) {
  while (undo_.size() > savepoint.undo) {
    Undo& last = undo_.back();
    if (auto* node = std::get_if<std::pair<Inode, NodeSlot>>(&last)) {
      nodes_[node->first] = std::move(node->second);
    } else if (auto* name = std::get_if<std::pair<Dentry, NameSlot>>(&last)) {
      names_[name->first] = name->second;
    } else if (auto* xattrs = std::get_if<std::pair<Inode, XattrSlot>>(&last)) {
      xattrs_[xattrs->first] = std::move(xattrs->second);
    }
    undo_.pop_back();
  }
  while (contents_.size() > savepoint.contents) {
    content_at_.erase({contents_.back().inode, contents_.back().version});
    contents_.pop_back();
  }
  changes_.resize(savepoint.changes);
  moves_.resize(savepoint.moves);
  historic_.resize(savepoint.historic);
  redactions_.resize(savepoint.redactions);
  formers_.resize(savepoint.formers);
  redacted_formers_.resize(savepoint.redacted_formers);
  volume_ = savepoint.volume;
}

// ── The differences ──────────────────────────────────────────────────────────────────────────────

std::vector<std::pair<StoredNode, bool>> WorkingSet::changed_nodes() const {
  std::vector<std::pair<StoredNode, bool>> changed;
  for (const auto& [inode, slot] : nodes_) {
    if (slot.changed) changed.emplace_back(*slot.value, slot.created);
  }
  return changed;
}

std::vector<std::pair<Dentry, std::optional<Inode>>> WorkingSet::changed_names() const {
  std::vector<std::pair<Dentry, std::optional<Inode>>> changed;
  for (const auto& [name, slot] : names_) {
    if (slot.changed && (slot.value || slot.in_source)) changed.emplace_back(name, slot.value);
  }
  return changed;
}

std::vector<std::pair<Inode, Xattrs>> WorkingSet::changed_xattrs() const {
  std::vector<std::pair<Inode, Xattrs>> changed;
  for (const auto& [inode, slot] : xattrs_) {
    if (slot.changed) changed.emplace_back(inode, slot.value);
  }
  return changed;
}

}  // namespace outboard
