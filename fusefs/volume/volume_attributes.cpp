// Attributes, extended attributes, symlink targets.
#include <algorithm>
#include <array>

#include "core/limits.h"
#include "fusefs/volume/doubt.h"
#include "fusefs/volume/request_scope.h"
#include "fusefs/volume/volume.h"

namespace outboard::fusefs {
namespace {

constexpr std::uint32_t kModeBits = 07777;
constexpr std::string_view kOwnPrefix = "user.outboard.";  // read-only, made here, never listed
constexpr std::string_view kUserPrefix = "user.";

Error no_xattr(std::string_view name) {
  return Error{Code::not_found, "no such extended attribute", std::string(name)};
}

Result<std::string> value_in(Result<Xattrs> xattrs, std::string_view name) {
  if (!xattrs) return std::move(xattrs).error();
  const auto value = xattrs->find(std::string(name));
  if (value == xattrs->end()) return no_xattr(name);
  return std::move(value->second);
}

bool brings_content(const Change& change) {
  return change.kind == ChangeKind::write || change.kind == ChangeKind::append ||
         change.kind == ChangeKind::create;
}

// What the change that made the bytes tells of its writer. [S11]
constexpr std::array<std::string_view, 5> kProvenance = {
    "user.outboard.author", "user.outboard.session", "user.outboard.turn", "user.outboard.call",
    "user.outboard.changed_seq"};

Result<std::string> told(const Change& made, std::string_view name) {
  const Origin& by = made.origin;
  if (name == "user.outboard.author") return by.principal;
  if (name == "user.outboard.changed_seq") return to_string(made.seq);
  if (name == "user.outboard.session" && by.session) return to_string(by.session);
  if (name == "user.outboard.turn" && by.session) return std::to_string(by.turn);
  if (name == "user.outboard.call" && by.op) return to_string(by.op);
  return no_xattr(name);
}

// What is never kept is not merely absent: `ls -l`, told that a filesystem has no ACLs and no
// labels, asks for no other file's.
Status check_kept(std::string_view name) {
  if (name.starts_with(kUserPrefix)) return success();
  return Error{Code::unsupported, "only user.* attributes are kept", std::string(name)};
}

void take_on(const SetAttributes& op, Timestamp now, Attributes& attributes) {
  attributes.mode = op.mode.value_or(attributes.mode);
  attributes.uid = op.uid.value_or(attributes.uid);
  attributes.gid = op.gid.value_or(attributes.gid);
  attributes.accessed = op.accessed.value_or(attributes.accessed);
  attributes.modified = op.modified.value_or(attributes.modified);
  attributes.changed = now;
}

Status check_settable(std::string_view name) {
  if (name.starts_with(kOwnPrefix)) {
    return Error{Code::no_access, "user.outboard.* says where the file comes from: read-only",
                 std::string(name)};
  }
  return check_kept(name);
}

}  // namespace

Result<Shown> MountedVolume::attributes(NodeId node) {
  if (HistoryTable::owns(node)) return attributes_past(node);
  if (const auto found = mountpoints_.find(node)) return *found;
  if (auto settled = await_node_settled(node); !settled) return std::move(settled).error();
  Lock lock(mutex_);
  const Binding* binding = state_.inodes.find(node);
  const Node* found = binding == nullptr ? nullptr : node_of(*binding);
  if (found == nullptr) return Error{Code::conflict, "the node was removed", to_string(node)};
  return shown_of(*binding, *found);
}

Status MountedVolume::check_owner(const AttributeChange& change) const {
  if (view_.owners == Owners::stored) return success();
  if (change.uid.value_or(view_.uid) == view_.uid && change.gid.value_or(view_.gid) == view_.gid) {
    return success();
  }
  return Error{Code::no_access,
               "everything in this view belongs to its --uid and --gid: mount with "
               "--owners=stored to change owners",
               volume_.name};
}

Result<Shown> MountedVolume::set_attributes(NodeId node, const AttributeChange& change,
                                            HandleId handle) {
  if (auto writable = check_writable(); !writable) return std::move(writable).error();
  if (HistoryTable::owns(node)) return past_is_fixed(node);
  if (Mountpoints::owns(node)) return is_mountpoint(to_string(node));
  if (auto owner = check_owner(change); !owner) return std::move(owner).error();
  if (change.size) {
    if (auto resized = resize(node, *change.size, !handle); !resized) {
      return std::move(resized).error();
    }
  }
  SetAttributes op;
  if (change.mode) op.mode = *change.mode & kModeBits;
  if (view_.owners == Owners::stored) {
    op.uid = change.uid;
    op.gid = change.gid;
  }
  op.accessed = change.accessed;
  if (!keep_times(node, change)) op.modified = change.modified;
  if (op.mode || op.uid || op.gid || op.accessed || op.modified) {
    {
      Lock lock(mutex_);
      const auto inode = inode_of(node);
      if (!inode) return inode.error();
      Binding* binding = state_.inodes.find(node);
      if (binding->pinned && state_.tree.find(*inode) == nullptr) {
        // Removed: the store is not asked, but who has it open goes on seeing what was set.
        take_on(op, clock_.wall(), binding->pinned->attributes);
        return shown_of(*binding, *binding->pinned);
      }
      op.node = *inode;
    }
    if (auto outcome = commit(op); !outcome) return std::move(outcome).error();
  }
  return attributes(node);
}

Status MountedVolume::resize(NodeId node, std::uint64_t size, bool at_once) {
  if (size > kFileBytesMax) {
    return Error{Code::too_big, "a file has at most 4 GiB: split it", to_string(node)};
  }
  bool alone = false;
  std::uint64_t edits = 0;
  {
    Lock lock(mutex_);
    const Binding* binding = state_.inodes.find(node);
    const Node* found = binding == nullptr ? nullptr : node_of(*binding);
    if (found == nullptr || (at_once && binding->pinned && !*binding->announced)) {
      return Error{Code::conflict, "the file was replaced: open it again", to_string(node)};
    }
    if (!found->is(Kind::file)) {
      return Error{Code::invalid, "only files have a size to change", to_string(node)};
    }
    OpenFile& file = file_of(node);
    const std::uint64_t below = file.size_below_top(found->attributes.size);
    alone = file.top.empty() && file.parcels.empty();
    if (file.top.size(below) != size) {
      file.top.truncate(below, size);
      dirtied(file);
    }
    edits = file.edits;
    drop_if_idle(node);
  }
  if (!at_once) return success();
  auto published = publish(node, Extent::everything);
  if (!published) take_back_size(node, alone && !is_in_doubt(published.error()), edits);
  return published;
}

// What was refused is not to be shown, nor asked again. [S2]
void MountedVolume::take_back_size(NodeId node, bool refused, std::uint64_t edits) {
  Lock lock(mutex_);
  const auto file = state_.files.find(node);
  if (file == state_.files.end()) return;
  if (refused && file->second.edits == edits && !file->second.publishing) let_go(file->second);
  drop_if_idle(node);
}

bool MountedVolume::keep_times(NodeId node, const AttributeChange& change) {
  if (!change.modified) return false;
  const Moment deadline = write_deadline();
  Lock lock(mutex_);
  // What is on its way brings the time at which it arrives: a time that is set comes behind it. A
  // bare truncation is on its way when its close has returned already.
  auto file = state_.files.find(node);
  for (bool more = true; more && file != state_.files.end() && file->second.publishing;) {
    more = wait_for_change(deadline);
    file = state_.files.find(node);
  }
  if (file == state_.files.end()) return false;
  if (file->second.top.empty()) {
    if (file->second.on_its_way()) file->second.parcels.back().modified = change.modified;
    return false;
  }
  file->second.modified = change.modified;
  file->second.times_set = true;
  return true;
}

Result<std::string> MountedVolume::read_symlink(NodeId node) {
  if (HistoryTable::owns(node)) return read_symlink_past(node);
  Lock lock(mutex_);
  const Node* found = node_of(node);
  if (found == nullptr) return Error{Code::conflict, "the node was removed", to_string(node)};
  if (!found->is(Kind::symlink)) return Error{Code::invalid, "not a symlink", to_string(node)};
  return found->target;
}

Result<std::string> MountedVolume::virtual_xattr(const Node& node, std::string_view name) {
  if (name == "user.outboard.seq") return to_string(seq());
  if (name == "user.outboard.barrier") {
    if (auto reached = reach_head(read_deadline()); !reached) return std::move(reached).error();
    return to_string(seq());
  }
  if (name == "user.outboard.version" && node.is(Kind::file)) return to_string(node.version);
  if (name == "user.outboard.stale") return std::string(stale() ? "1" : "0");
  if (std::ranges::find(kProvenance, name) == kProvenance.end()) return no_xattr(name);
  auto change = change_that_made(node);
  if (!change) return std::move(change).error();
  return told(*change, name);
}

// One page of the node's log, and no more: attributes that nobody asks for in a hurry are not worth
// a second question.
Result<Change> MountedVolume::change_that_made(const Node& node) {
  HistoryQuery query;
  query.node = node.inode;
  query.limit = kProvenanceChangesMax;
  auto history = store_.history(RequestScope::call(read_deadline()), volume_.id, query);
  if (!history) return std::move(history).error();
  for (Change& change : history->value) {
    if (brings_content(change) && change.node.version == node.version) return std::move(change);
  }
  return Error{Code::not_found, "the log kept or looked through does not tell who made it",
               to_string(node.inode)};
}

// Who made a version is known with it. [S11]
Result<std::string> MountedVolume::xattr_past(NodeId node, std::string_view name) {
  Lock lock(mutex_);
  const HistoryRow* row = state_.history.find(node);
  if (row == nullptr || row->key.shape != HistoryShape::bytes) return no_xattr(name);
  if (name == "user.outboard.version") return to_string(row->key.version);
  if (!row->made) return no_xattr(name);
  Change made;
  made.seq = row->made->seq;
  made.origin = row->made->origin;
  return told(made, name);
}

// Of a moment as it was there; of a version as it was when it was written. [S28]
Result<Xattrs> MountedVolume::xattrs_past(NodeId node) {
  Inode inode;
  ReadAt at;
  {
    Lock lock(mutex_);
    const HistoryRow* row = state_.history.find(node);
    if (row == nullptr) return Error{Code::conflict, "the node was let go", to_string(node)};
    if (row->key.shape == HistoryShape::names || row->key.shape == HistoryShape::versions) {
      return Xattrs{};
    }
    if (!row->made && row->node.xattr_bytes == 0) return Xattrs{};
    inode = row->key.inode;
    at.as_of = row->made ? row->made->seq : row->key.as_of;
  }
  auto xattrs = store_.xattrs(RequestScope::call(read_deadline()), volume_.id, inode, at);
  if (!xattrs) return std::move(xattrs).error();
  return std::move(xattrs->value);
}

Result<std::string> MountedVolume::xattr(NodeId node, std::string_view name) {
  if (auto kept = check_kept(name); !kept) return std::move(kept).error();
  if (HistoryTable::owns(node) && name.starts_with(kOwnPrefix)) return xattr_past(node, name);
  if (HistoryTable::owns(node)) return value_in(xattrs_past(node), name);
  if (Mountpoints::owns(node)) return no_xattr(name);
  if (auto settled = await_node_settled(node); !settled) return std::move(settled).error();
  Node found;
  {
    Lock lock(mutex_);
    const Node* at = node_of(node);
    if (at == nullptr) return Error{Code::conflict, "the node was removed", to_string(node)};
    found = *at;
    if (const auto own = state_.removed_xattrs.find(node); own != state_.removed_xattrs.end()) {
      const auto value = own->second.find(std::string(name));
      if (value != own->second.end()) return value->second;
      if (!name.starts_with(kOwnPrefix)) return no_xattr(name);
    }
  }
  if (name.starts_with(kOwnPrefix)) return virtual_xattr(found, name);
  if (found.xattr_bytes == 0) return no_xattr(name);
  auto xattrs = store_.xattrs(RequestScope::call(read_deadline()), volume_.id, found.inode);
  if (!xattrs) return std::move(xattrs).error();
  return value_in(std::move(xattrs->value), name);
}

Result<std::vector<std::string>> MountedVolume::xattr_names(NodeId node) {
  std::vector<std::string> names;
  if (Mountpoints::owns(node)) return names;
  if (HistoryTable::owns(node)) {
    auto then = xattrs_past(node);
    if (!then) return std::move(then).error();
    for (const auto& [name, value] : *then) names.push_back(name);
    return names;
  }
  Inode inode;
  {
    Lock lock(mutex_);
    const Node* found = node_of(node);
    if (found == nullptr) return Error{Code::conflict, "the node was removed", to_string(node)};
    if (const auto own = state_.removed_xattrs.find(node); own != state_.removed_xattrs.end()) {
      for (const auto& [name, value] : own->second) names.push_back(name);
      return names;
    }
    if (found->xattr_bytes == 0) return names;
    inode = found->inode;
  }
  auto xattrs = store_.xattrs(RequestScope::call(read_deadline()), volume_.id, inode);
  if (!xattrs) return std::move(xattrs).error();
  for (const auto& [name, value] : xattrs->value) names.push_back(name);
  return names;
}

std::optional<Status> MountedVolume::change_removed(NodeId node,
                                                    const std::function<Status(Xattrs&)>& change) {
  Node removed;
  bool whole = false;
  {
    Lock lock(mutex_);
    const Binding* binding = state_.inodes.find(node);
    if (binding == nullptr || !binding->pinned) return std::nullopt;
    if (state_.tree.find(binding->inode) != nullptr) return std::nullopt;
    removed = *binding->pinned;
    whole = state_.tree.whole();
  }
  if (!whole) {  // what is not here may stand all the same
    auto stands = store_.attributes(RequestScope::call(read_deadline()), volume_.id,
                                    NodeRef{removed.inode}, {});
    if (!stands && stands.error().code != Code::not_found) return std::move(stands).error();
    if (stands && !stands->value.removed()) return std::nullopt;
  }
  Xattrs had;
  if (removed.xattr_bytes > 0) {
    auto asked = store_.xattrs(RequestScope::call(read_deadline()), volume_.id, removed.inode);
    if (asked) had = std::move(asked->value);
  }
  Lock lock(mutex_);
  if (state_.inodes.find(node) == nullptr) return std::nullopt;
  Xattrs changed = state_.removed_xattrs.try_emplace(node, std::move(had)).first->second;
  if (auto good = change(changed); !good) return good;
  std::size_t bytes = 0;
  for (const auto& [name, value] : changed) bytes += name.size() + value.size();
  if (bytes > kXattrTotalBytesMax) {
    return Status(Error{Code::no_space, "a node's extended attributes hold 256 KiB together", {}});
  }
  state_.removed_xattrs[node] = std::move(changed);
  return success();
}

void MountedVolume::drop_removed(NodeId node) {
  if (state_.removed_xattrs.empty() || state_.inodes.find(node) != nullptr) return;
  state_.removed_xattrs.erase(node);
}

Status MountedVolume::set_xattr(NodeId node, std::string_view name, std::string_view value,
                                XattrMode mode) {
  if (auto settable = check_settable(name); !settable) return settable;
  const auto removed = change_removed(node, [&](Xattrs& xattrs) -> Status {
    const bool there = xattrs.contains(std::string(name));
    if (there && mode == XattrMode::create) {
      return Error{Code::exists, "this extended attribute is there", std::string(name)};
    }
    if (!there && mode == XattrMode::replace) return no_xattr(name);
    xattrs[std::string(name)] = value;
    return success();
  });
  if (removed) return *removed;
  SetXattr op{Inode{}, std::string(name), std::string(value), mode};
  {
    Lock lock(mutex_);
    const auto inode = inode_of(node);
    if (!inode) return inode.error();
    op.node = *inode;
  }
  auto outcome = commit(op);
  if (!outcome) return std::move(outcome).error();
  return success();
}

Status MountedVolume::remove_xattr(NodeId node, std::string_view name) {
  if (auto settable = check_settable(name); !settable) return settable;
  const auto removed = change_removed(node, [&](Xattrs& xattrs) -> Status {
    return xattrs.erase(std::string(name)) > 0 ? success() : Status(no_xattr(name));
  });
  if (removed) return *removed;
  RemoveXattr op{Inode{}, std::string(name)};
  {
    Lock lock(mutex_);
    const auto inode = inode_of(node);
    if (!inode) return inode.error();
    op.node = *inode;
  }
  auto outcome = commit(op);
  if (!outcome) return std::move(outcome).error();
  return success();
}

}  // namespace outboard::fusefs
