// Content: open, read through the stack of unsaved bytes, write into it.
#include <algorithm>

#include "fusefs/volume/volume.h"

namespace outboard::fusefs {
namespace {

Error replaced(NodeId node) {
  return Error{Code::conflict, "the file was replaced or removed: open it again", to_string(node)};
}

Error bad_handle(HandleId handle) {
  return Error{Code::invalid, "no such open file", to_string(handle)};
}

// Without the right to execute for its group the bit means something else, and stays.
std::uint32_t without_set_id(std::uint32_t mode) {
  constexpr std::uint32_t kSetUser = 04000, kSetGroup = 02000, kGroupExecutes = 010;
  const std::uint32_t kept = (mode & kGroupExecutes) != 0 ? mode & ~kSetGroup : mode;
  return kept & ~kSetUser;
}

// What the kernel had read ahead and could not have it asks for again at once, a page of a map
// twice: who has waited for a deadline is not to wait for another. [S9]
constexpr std::chrono::milliseconds kAskedAgainWithin{100};

// A stretch of a read: bytes at hand, or (unset) bytes of the version at the bottom.
struct Span {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::optional<std::string> bytes;
};

// Splits [offset, offset + size) into spans, from the top layer down to the version.
// `layers` is top first, each with the size of the content below it.
void collect(const std::vector<std::pair<const WriteBuffer*, std::uint64_t>>& layers,
             std::size_t layer, std::uint64_t offset, std::uint64_t size,
             std::vector<Span>& spans) {
  if (layer == layers.size()) {
    spans.push_back({offset, size, std::nullopt});
    return;
  }
  const auto& [buffer, below] = layers[layer];
  for (const Piece& piece : buffer->pieces(below, offset, size)) {
    switch (piece.from) {
      case Piece::From::below: collect(layers, layer + 1, piece.offset, piece.size, spans); break;
      case Piece::From::zeros:
        spans.push_back({piece.offset, piece.size, std::string(piece.size, '\0')});
        break;
      case Piece::From::buffer:
        spans.push_back({piece.offset, piece.size, std::string(piece.bytes)});
        break;
    }
  }
}

std::vector<Span> spans_of(const OpenFile& file, std::uint64_t base, std::uint64_t offset,
                           std::uint64_t size) {
  std::vector<std::pair<const WriteBuffer*, std::uint64_t>> layers;
  for (const Parcel& parcel : file.parcels) {
    layers.emplace_back(&parcel.buffer, base);
    base = parcel.buffer.size(base);
  }
  layers.emplace_back(&file.top, base);
  std::reverse(layers.begin(), layers.end());
  std::vector<Span> spans;
  collect(layers, 0, offset, size, spans);
  return spans;
}

}  // namespace

Result<HandleId> MountedVolume::add_handle(NodeId node, const OpenMode& mode) {
  const Binding* binding = state_.inodes.find(node);
  const Node* found = binding == nullptr ? nullptr : node_of(*binding);
  if (found == nullptr) return replaced(node);
  // Opened by an old name, before the notification arrived. A reader gets the old version whole. A
  // writer would base its bytes on it: ESTALE makes the kernel look the name up again, once.
  const bool based = mode.write && !mode.append;
  if (based && binding->pinned && !*binding->announced) return replaced(node);
  if (found->is(Kind::directory)) {
    return Error{Code::is_directory, "a directory has no bytes to open", to_string(node)};
  }
  const HandleId id{state_.next_handle++};
  state_.handles[id] = {node, mode};
  state_.inodes.hold(node);
  OpenFile& file = file_of(node);
  ++file.handles;
  if (mode.write) ++file.writers;
  const std::uint64_t below = file.size_below_top(found->attributes.size);
  if (mode.truncate && file.top.size(below) > 0) {
    file.top.truncate(below, 0);
    dirtied(file);
  }
  return id;
}

Result<Opened> MountedVolume::open_file(NodeId node, const OpenMode& mode) {
  if (mode.write || mode.truncate) {
    if (auto writable = check_writable(); !writable) return std::move(writable).error();
  }
  if (HistoryTable::owns(node)) {
    if (mode.write || mode.truncate) return past_is_fixed(node);
    return Opened{};  // nothing is kept of it: handle 0
  }
  if (auto current = prove_current(); !current) return std::move(current).error();
  if (auto settled = await_node_settled(node); !settled) return std::move(settled).error();
  Lock lock(mutex_);
  // The kernel remembers no name of a strict volume: it has looked this one up within the same
  // open(), and what was retired since then a reader may still be given. Refusing it would be
  // ESTALE to a program whose file is replaced twice in that time, as the kernel tries again once.
  // A writer would base its bytes on it. [S7]
  const Binding* binding = state_.inodes.find(node);
  const bool based = mode.write || mode.truncate;
  if (strict_ && based && binding != nullptr && binding->pinned) return replaced(node);
  auto handle = add_handle(node, mode);
  if (!handle) return std::move(handle).error();
  return Opened{*handle, lasting(), has_locks(node)};
}

Result<std::pair<Shown, Opened>> MountedVolume::create(NodeId directory, std::string_view name,
                                                       std::uint32_t mode, const OpenMode& open,
                                                       bool exclusive, const Requester& who) {
  auto at = name_to_change(directory, name);
  if (!at) return std::move(at).error();
  const std::uint32_t gid = given_group(directory).value_or(who.gid);
  auto shown = make(CreateFile{*std::move(at), mode & 07777U, who.uid, gid, exclusive});
  if (!shown) return std::move(shown).error();
  Lock lock(mutex_);
  auto handle = add_handle(shown->id, open);
  if (!handle) {
    state_.inodes.forget(shown->id, 1);
    return std::move(handle).error();
  }
  const Binding* binding = state_.inodes.find(shown->id);
  return std::pair{shown_of(*binding, *node_of(*binding)), Opened{*handle, lasting(), false}};
}

Result<std::string> MountedVolume::read(NodeId node, std::uint64_t offset, std::uint64_t size) {
  if (auto settled = await_node_settled(node); !settled) return std::move(settled).error();
  VersionRef version;
  std::vector<Span> spans;
  {
    Lock lock(mutex_);
    const HistoryRow* past = HistoryTable::owns(node) ? state_.history.find(node) : nullptr;
    const Node* found = past != nullptr ? &past->node : node_of(node);
    if (found == nullptr) return replaced(node);
    version = version_of(*found);
    const auto file = state_.files.find(node);
    if (file == state_.files.end()) {
      spans.push_back({offset, size, std::nullopt});
    } else {
      spans = spans_of(file->second, version.size, offset, size);
    }
  }
  std::string bytes;
  for (Span& span : spans) {
    if (span.bytes) {
      bytes.append(*span.bytes);
      continue;
    }
    auto read = read_version(version, span.offset, span.size);
    if (!read && read.error().code == Code::not_found) {
      // The name is there, its bytes are not: an error of the medium, to a program.
      return Error{Code::corrupt, "the bytes of this version were redacted or are no longer kept",
                   to_string(node)};
    }
    if (!read) return std::move(read).error();
    bytes.append(*read);
  }
  return bytes;
}

Result<std::string> MountedVolume::read_version(const VersionRef& version, std::uint64_t offset,
                                                std::uint64_t size) {
  const ContentKey key{version.inode, version.version};
  Moment deadline = read_deadline();
  {
    Lock lock(mutex_);
    const auto waited = state_.waited_for.find(key);
    if (waited != state_.waited_for.end() && clock_.now() < waited->second) deadline = clock_.now();
  }
  auto read = blocks_.read(version, offset, size, deadline);
  if (read || read.error().code != Code::timed_out) return read;
  Lock lock(mutex_);
  const Moment now = clock_.now();
  std::erase_if(state_.waited_for, [now](const auto& past) { return past.second <= now; });
  state_.waited_for[key] = now + kAskedAgainWithin;
  return read;
}

Status MountedVolume::make_room(NodeId node, std::uint64_t bytes) {
  {
    Lock lock(mutex_);
    const auto file = state_.files.find(node);
    if (file == state_.files.end() || file->second.bytes_held() + bytes <= kHandleDirtyBytesMax) {
      return success();
    }
    const Binding* binding = state_.inodes.find(node);
    if (binding->pinned && binding->removed_here) {
      return Error{Code::no_space, "a removed file holds at most 64 MiB", to_string(node)};
    }
  }
  return publish(node, Extent::data);
}

Result<std::size_t> MountedVolume::write(HandleId handle, std::uint64_t offset,
                                         std::string_view bytes, bool append) {
  NodeId node;
  {
    Lock lock(mutex_);
    const auto found = state_.handles.find(handle);
    if (found == state_.handles.end() || !found->second.mode.write) return bad_handle(handle);
    node = found->second.node;
  }
  note_lease();
  if (auto room = make_room(node, bytes.size()); !room) return std::move(room).error();
  Lock lock(mutex_);
  const Node* found = node_of(node);
  if (found == nullptr) return replaced(node);
  if (auto held = check_locks(found->inode); !held) return std::move(held).error();
  OpenFile& file = file_of(node);
  const std::uint64_t below = file.size_below_top(found->attributes.size);
  const std::uint64_t at = append ? file.top.size(below) : offset;
  if (at + bytes.size() > kFileBytesMax) {
    return Error{Code::too_big, "a file has at most 4 GiB: split it", to_string(node)};
  }
  if (append) {
    file.top.append(below, bytes);
  } else {
    file.top.write(below, offset, bytes);
  }
  dirtied(file);
  return bytes.size();
}

// A local disk does so before the bytes are there.
Status MountedVolume::clear_set_id(NodeId node) {
  if (view_.owners != Owners::stored) return success();
  SetAttributes op;
  {
    Lock lock(mutex_);
    Binding* binding = state_.inodes.find(node);
    if (binding == nullptr) return success();
    if (binding->pinned) {
      std::uint32_t& mode = binding->pinned->attributes.mode;
      mode = without_set_id(mode);
    }
    const TreeNode* now = state_.tree.find(binding->inode);
    if (now == nullptr) return success();  // removed: who has it open sees no other
    op.mode = without_set_id(now->node.attributes.mode);
    if (!now->node.is(Kind::file) || op.mode == now->node.attributes.mode) return success();
    op.node = binding->inode;
  }
  auto outcome = commit(op, true);
  if (!outcome) return std::move(outcome).error();
  return success();
}

Status MountedVolume::allocate(HandleId handle, std::uint64_t offset, std::uint64_t size) {
  NodeId node;
  std::uint64_t now = 0;
  {
    Lock lock(mutex_);
    const auto found = state_.handles.find(handle);
    if (found == state_.handles.end()) return bad_handle(handle);
    node = found->second.node;
    const Node* at = node_of(node);
    if (at == nullptr) return replaced(node);
    now = file_of(node).size(at->attributes.size);
  }
  return offset + size > now ? resize(node, offset + size, false) : success();
}

Status MountedVolume::flush(HandleId handle) {
  if (!handle) return success();  // of the past
  NodeId node;
  {
    Lock lock(mutex_);
    const auto found = state_.handles.find(handle);
    if (found == state_.handles.end()) return bad_handle(handle);
    if (!found->second.mode.write) return success();
    node = found->second.node;
  }
  return publish(node, Extent::data);
}

Status MountedVolume::sync(HandleId handle) {
  if (!handle) return success();  // of the past
  NodeId node;
  {
    Lock lock(mutex_);
    const auto found = state_.handles.find(handle);
    if (found == state_.handles.end()) return bad_handle(handle);
    node = found->second.node;
  }
  return publish(node, Extent::everything);
}

void MountedVolume::release(HandleId handle) {
  if (!handle) return;  // of the past
  Handle closed;
  const auto locks = locks_of(handle);
  {
    Lock lock(mutex_);
    const auto found = state_.handles.find(handle);
    if (found == state_.handles.end()) return;
    closed = found->second;
    state_.handles.erase(found);
    OpenFile& file = file_of(closed.node);
    --file.handles;
    if (closed.mode.write) --file.writers;
    if (closed.locks) --file.lockers;
    drop_if_idle(closed.node);
  }
  if (closed.mode.write || closed.mode.truncate) {
    finish_released(closed.node);
  }
  give_up(locks);
  Lock lock(mutex_);
  state_.inodes.release(closed.node);
  drop_removed(closed.node);
  drop_unlisted();
}

}  // namespace outboard::fusefs
