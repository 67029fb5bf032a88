// What watchers are told of changes made elsewhere, and what their teller is shown meanwhile. [S12]
//
// The tree has moved on when the teller comes: to it alone the view is as it was before the one
// change under way, so that the kernel lets it make that change, and answers that it was made.
#include <tuple>

#include "fusefs/volume/volume.h"

namespace outboard::fusefs {
namespace {

// What a program can make without rights that the teller has not.
bool can_be_made(const Node& node) {
  return node.is(Kind::file) || node.is(Kind::directory) || node.is(Kind::symlink);
}

Error not_told(std::string_view name) {
  return Error{Code::unavailable, "nobody is to be told of this", std::string(name)};
}

}  // namespace

std::optional<std::string> MountedVolume::path_of(const Dentry& name) const {
  std::string path = "/" + name.name;
  for (Inode at = name.parent; at != kRootInode;) {
    const auto above = state_.tree.name_of(at);
    if (!above || path.size() > kPathBytesMax) return std::nullopt;
    path.insert(0, "/" + above->name);
    at = above->parent;
  }
  return path;
}

void MountedVolume::queue_telling(const Change& change, NodeId shown_as) {
  const auto tell = [&](Tale tale, const std::optional<Dentry>& before,
                        const std::optional<Dentry>& after) {
    Telling telling;
    telling.tale = tale;
    for (const auto& [name, to, path] : {std::tuple(&before, &telling.before, &telling.before_path),
                                         std::tuple(&after, &telling.after, &telling.after_path)}) {
      if (!*name) continue;
      const auto found = path_of(**name);
      if (!found || is_mountpoint_name(**name)) return;
      *to = **name;
      *path = *found;
    }
    telling.node = change.node;
    telling.shown_as = shown_as;
    if (state_.tellings.size() == kTellingsMax) return untold_.add();
    state_.tellings.push_back(std::move(telling));
    changed_.notify_all();
  };
  if (state_.tellings_ended || !can_be_made(change.node)) return;
  const auto name = state_.tree.name_of(change.node.inode);
  switch (change.kind) {
    case ChangeKind::create: [[fallthrough]];
    case ChangeKind::link: tell(Tale::made, {}, change.after); break;
    case ChangeKind::unlink: tell(Tale::gone, change.before, {}); break;
    case ChangeKind::rename:
      if (change.other && change.other->exchanged) {
        tell(Tale::touched, {}, change.before);
        tell(Tale::touched, {}, change.after);
      } else {
        tell(Tale::moved, change.before, change.after);
      }
      break;
    case ChangeKind::write: [[fallthrough]];
    case ChangeKind::append: tell(Tale::changed, {}, name); break;
    case ChangeKind::attributes: [[fallthrough]];
    case ChangeKind::xattrs: tell(Tale::touched, {}, name); break;
  }
}

std::optional<Telling> MountedVolume::next_telling() {
  Lock lock(mutex_);
  state_.telling.reset();
  changed_.notify_all();
  while ((state_.tellings.empty() || state_.tellings_paused) && !state_.tellings_ended) {
    changed_.wait(mutex_);
  }
  if (state_.tellings_ended) return std::nullopt;
  state_.telling = std::move(state_.tellings.front());
  state_.tellings.pop_front();
  return state_.telling;
}

void MountedVolume::end_tellings() {
  Lock lock(mutex_);
  state_.tellings_ended = true;
  state_.telling.reset();
  state_.tellings.clear();
  changed_.notify_all();
}

bool MountedVolume::pause_tellings(Moment until) {
  Lock lock(mutex_);
  state_.tellings_paused = true;
  while (state_.telling && changed_.wait_until(mutex_, until)) {
  }
  if (!state_.telling) return true;
  state_.tellings_paused = false;
  changed_.notify_all();
  return false;
}

void MountedVolume::resume_tellings() {
  Lock lock(mutex_);
  state_.tellings_paused = false;
  changed_.notify_all();
}

bool MountedVolume::is_told(NodeId directory, std::string_view name, const Dentry& of) const {
  if (!state_.telling || of.name.empty() || of.name != name) return false;
  const auto parent = directory_of(directory);
  return parent && *parent == of.parent;
}

std::optional<Result<Shown>> MountedVolume::told_lookup(NodeId directory, std::string_view name) {
  Lock lock(mutex_);
  if (!state_.telling) return std::nullopt;
  const Telling& telling = *state_.telling;
  const bool appears = telling.tale == Tale::made || telling.tale == Tale::moved;
  if (appears && is_told(directory, name, telling.after)) {
    return Result<Shown>(Error{Code::not_found, "it is yet to appear", std::string(name)});
  }
  if (!is_told(directory, name, telling.before)) return std::nullopt;
  return Result<Shown>(look_up_told(telling));
}

// As it was when the change was made: it may have gone since, or be called something else.
Shown MountedVolume::look_up_told(const Telling& telling) {
  const Inode inode = telling.node.inode;
  NodeId id;
  if (state_.tree.find(inode) != nullptr) {
    id = look_up(inode).id;
  } else if (state_.inodes.look_up_again(telling.shown_as)) {
    id = telling.shown_as;
  } else {
    id = state_.inodes.look_up(inode, 0);
    state_.inodes.retire(inode, telling.node);
  }
  const Binding& binding = *state_.inodes.find(id);
  Shown shown = shown_of(binding, *node_of(binding));
  shown.lasting = false;
  return shown;
}

Result<Shown> MountedVolume::told_made(NodeId directory, std::string_view name) {
  Lock lock(mutex_);
  if (!state_.telling || state_.telling->tale != Tale::made ||
      !is_told(directory, name, state_.telling->after)) {
    return not_told(name);
  }
  return look_up_told(*state_.telling);
}

Status MountedVolume::told_gone(NodeId directory, std::string_view name) {
  Lock lock(mutex_);
  const bool told = state_.telling && state_.telling->tale == Tale::gone &&
                    is_told(directory, name, state_.telling->before);
  return told ? success() : Status(not_told(name));
}

Status MountedVolume::told_moved(NodeId directory, std::string_view name, NodeId to_directory,
                                 std::string_view to_name) {
  Lock lock(mutex_);
  const bool told = state_.telling && state_.telling->tale == Tale::moved &&
                    is_told(directory, name, state_.telling->before) &&
                    is_told(to_directory, to_name, state_.telling->after);
  return told ? success() : Status(not_told(name));
}

}  // namespace outboard::fusefs
