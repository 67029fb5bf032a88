// Changes into the tree, and what the kernel must hear of them.
#include <algorithm>

#include "fusefs/volume/request_scope.h"
#include "fusefs/volume/volume.h"

namespace outboard::fusefs {

void MountedVolume::absorb_feed(const FeedItem& item) {
  // Before the kernel is told to ask again, and anybody that it was: the server has the bytes no
  // more.
  for (const Change& change : item.changes) {
    if (change.redacted) blocks_.drop(change.node.inode);
  }
  Notices notices;
  {
    Lock lock(mutex_);
    for (const Change& change : item.changes) {
      if (change.seq <= state_.tree.seq()) continue;
      Source source;
      source.from_feed = true;
      source.own =
          change.origin.client == numbers_.client() && state_.own.contains(change.origin.number);
      source.announce = true;
      if (source.own) {
        source.number = change.origin.number;
        source.announce = state_.announce_own.erase(source.number) > 0;
        const auto publisher = state_.publishers.find(source.number);
        if (publisher != state_.publishers.end()) {
          source.publisher = publisher->second;
          // A publish makes a name only beside the file: the kernel has not heard of that one.
          source.announce = source.announce || change.kind == ChangeKind::create;
        }
      }
      absorb(change, source, notices);
    }
    // Not sooner: a request's changes come in one item.
    for (const Change& change : item.changes) {
      if (change.origin.client == numbers_.client()) state_.own.erase(change.origin.number);
    }
    state_.tree.feed_passed(item.upto);
    shrink(notices);
    changed_.notify_all();
  }
  post(std::move(notices));
  note_posted(item.upto);
}

void MountedVolume::note_posted(Seq seq) {
  Lock lock(mutex_);
  state_.posted = std::max(state_.posted, seq);
  changed_.notify_all();
}

void MountedVolume::absorb(const Change& change, const Source& source, Notices& notices) {
  if (strict_) state_.unsettled.note(change, clock_.now());
  const NodeId moved = state_.inodes.current(change.node.inode);
  NodeId displaced;
  std::optional<Node> displaced_old;
  if (change.other) {
    displaced = state_.inodes.current(change.other->inode);
    if (const TreeNode* node = state_.tree.find(change.other->inode)) displaced_old = node->node;
  }
  const TreeEffect effect = state_.tree.apply(change, source.from_feed, source.own);
  if (effect.node && effect.old) {
    if (change.node.removed()) {
      absorb_removed(*effect.old, change.before.value_or(Dentry{}), source);
    } else if (effect.old->version != change.node.version) {
      absorb_content(change, *effect.old, source, notices);
    } else if (source.announce) {
      announce_attributes(change.node.inode, notices);
    }
  }
  if (change.redacted) absorb_redacted(change.node.inode, notices);
  if (source.from_feed) settle_parcels(change, source);
  if (displaced_old && state_.tree.find(displaced_old->inode) == nullptr) {
    absorb_removed(*displaced_old, change.after.value_or(Dentry{}), source);
  } else if (displaced_old && source.announce) {
    announce_attributes(displaced_old->inode, notices);
  }
  if (source.announce) announce_names(change, effect, moved, displaced, notices);
  if (source.announce && tells()) queue_telling(change, moved);
}

void MountedVolume::absorb_redacted(Inode inode, Notices& notices) {
  const auto announce = [&](NodeId node, std::vector<std::pair<NodeId, std::string>> names) {
    Notice notice;
    notice.kind = NoticeKind::content;
    notice.node = node;
    notice.names = std::move(names);
    notices.push_back(std::move(notice));
  };
  for (const Binding& binding : state_.inodes.rows()) {
    if (binding.inode == inode) announce(binding.id, known_names(inode));
  }
  for (const NodeId past : state_.history.bytes_of(inode)) announce(past, {});
}

void MountedVolume::absorb_content(const Change& change, const Node& old, const Source& source,
                                   Notices& notices) {
  const NodeId current = state_.inodes.current(old.inode);
  const bool ours = source.publisher && source.publisher == current;
  if (ours && change.kind == ChangeKind::write) return;
  const bool next = change.node.version.value == old.version.value + 1;
  const auto file = state_.files.find(current);
  const bool overlaid = file != state_.files.end() && file->second.overlays();
  if (!ours && shared_in_place(current)) return announce_content(current, 0, notices);
  if (change.kind != ChangeKind::append || !next || (overlaid && !ours)) {
    retire(old, notices);
    return drop_if_idle(current);  // what kept it may have been parcels that waited for this news
  }
  if (ours || !current) return;
  announce_content(current, old.attributes.size, notices);
}

void MountedVolume::announce_content(NodeId node, std::uint64_t from, Notices& notices) {
  Notice notice;
  notice.kind = NoticeKind::content;
  notice.node = node;
  notice.from = from;
  notice.names = known_names(state_.inodes.find(node)->inode);
  notices.push_back(std::move(notice));
}

void MountedVolume::retire(const Node& old, Notices& notices) {
  if (TreeNode* node = state_.tree.find(old.inode)) ++node->generation;
  Binding* binding = state_.inodes.retire(old.inode, old);
  if (binding == nullptr) return;
  const auto names = known_names(old.inode);
  binding->announced->store(names.empty());
  if (const auto name = state_.tree.name_of(old.inode)) binding->last_name = *name;
  for (const auto& [directory, name] : names) {
    Notice notice;
    notice.kind = NoticeKind::name_gone;
    notice.node = binding->id;
    notice.directory = directory;
    notice.name = name;
    notice.delivered = binding->announced;
    notices.push_back(std::move(notice));
  }
}

void MountedVolume::absorb_removed(const Node& old, const Dentry& name, const Source& source) {
  Binding* binding = state_.inodes.retire(old.inode, old);
  if (binding == nullptr) return;
  binding->last_name = name;
  binding->removed_here = source.own;
  binding->announced->store(true);  // its name is announced with the change
}

void MountedVolume::announce_names(const Change& change, const TreeEffect& effect, NodeId moved,
                                   NodeId displaced, Notices& notices) {
  if (change.before && effect.before) {
    const bool back = change.other && change.other->exchanged;
    const NodeId gone = change.node.removed() ? moved : NodeId{};
    announce_name(back ? NoticeKind::name_new : NoticeKind::name_gone, *change.before, gone,
                  notices);
  }
  if (change.after && effect.after) {
    const bool removed = change.other && change.other->links == 0;
    if (removed && displaced) {
      announce_name(NoticeKind::name_gone, *change.after, displaced, notices);
    }
    announce_name(NoticeKind::name_new, *change.after, {}, notices);
  }
}

void MountedVolume::announce_name(NoticeKind kind, const Dentry& name, NodeId node,
                                  Notices& notices) {
  if (is_mountpoint_name(name)) return;
  Notice notice;
  notice.kind = kind;
  notice.directory = state_.inodes.current(name.parent);
  if (!notice.directory) return;
  notice.name = name.name;
  notice.node = node;
  notices.push_back(std::move(notice));
}

void MountedVolume::announce_attributes(Inode inode, Notices& notices) {
  Notice notice;
  notice.kind = NoticeKind::attributes;
  notice.node = state_.inodes.current(inode);
  if (!notice.node) return;
  notice.names = known_names(inode);
  notices.push_back(std::move(notice));
}

std::vector<std::pair<NodeId, std::string>> MountedVolume::known_names(Inode inode) const {
  std::vector<std::pair<NodeId, std::string>> names;
  const TreeNode* node = state_.tree.find(inode);
  if (node == nullptr) return names;
  for (const Dentry& name : node->names) {
    if (is_mountpoint_name(name)) continue;
    if (const NodeId directory = state_.inodes.current(name.parent)) {
      names.emplace_back(directory, name.name);
    }
  }
  return names;
}

void MountedVolume::post(Notices notices) {
  if (!notices.empty()) mountpoints_.post(std::move(notices), invalidator_);
}

Status MountedVolume::resynchronise(Moment deadline) {
  auto now = store_.describe(RequestScope::call(deadline), volume_.id);
  if (!now) return std::move(now).error();
  if (on_demand_ || (drops_names() && too_large(*now))) return begin_again(deadline);
  for (;;) {
    TreeCache fresh;
    if (auto loaded = load(fresh, deadline); !loaded) return loaded;
    Notices notices;
    Seq seq;
    {
      Lock lock(mutex_);
      // An own request was answered after the snapshot was taken: take a newer one.
      if (fresh.seq() < state_.tree.ahead()) continue;
      for (const auto& [inode, node] : state_.tree.all()) {
        if (node.generation > 0) fresh.set_generation(inode, node.generation);
      }
      const TreeCache before = std::exchange(state_.tree, std::move(fresh));
      compare(before, notices);
      seq = state_.tree.seq();
      if (strict_) state_.unsettled.begin(seq, clock_.now());
    }
    post(std::move(notices));
    note_posted(seq);
    return success();
  }
}

void MountedVolume::compare(const TreeCache& before, Notices& notices) {
  blocks_.drop_all();  // among the changes that were missed may be a redaction
  for (const Binding& binding : state_.inodes.rows()) {
    const TreeNode* shown = before.find(binding.inode);
    if (binding.pinned || (shown != nullptr && shown->node.is(Kind::file))) {
      Notice notice;
      notice.kind = NoticeKind::content;
      notice.node = binding.id;
      notices.push_back(std::move(notice));
    }
    if (binding.pinned) continue;
    const TreeNode* old = before.find(binding.inode);
    const TreeNode* now = state_.tree.find(binding.inode);
    if (old == nullptr) continue;
    if (old->children) compare_names(before, *old, notices);
    if (now == nullptr) {
      absorb_removed(old->node, old->names.empty() ? Dentry{} : old->names.front(), {});
    } else if (now->node.version != old->node.version && !shared_in_place(binding.id)) {
      retire(old->node, notices);
      drop_if_idle(binding.id);
    } else if (now->node != old->node) {
      announce_attributes(binding.inode, notices);
    }
  }
}

void MountedVolume::compare_names(const TreeCache& before, const TreeNode& directory,
                                  Notices& notices) {
  const Inode inode = directory.node.inode;
  const TreeNode* now = state_.tree.find(inode);
  for (const auto& [place, child] : directory.children->places) {
    const Child* stands = state_.tree.child(inode, child.name);
    if (stands != nullptr && stands->inode == child.inode) continue;
    announce_name(NoticeKind::name_gone, {inode, child.name}, {}, notices);
  }
  if (now == nullptr || !now->children) return;
  for (const auto& [place, child] : now->children->places) {
    const Child* stood = before.child(inode, child.name);
    if (stood != nullptr && stood->inode == child.inode) continue;
    announce_name(NoticeKind::name_new, {inode, child.name}, {}, notices);
  }
}

}  // namespace outboard::fusefs
