// Directories on demand: of a volume with more nodes than a view may hold, what somebody looks
// into. [S61]
//
// A directory's entries are asked for as of one seq and join the tree once the feed has reached it,
// so that all that is here is always as of the feed's seq, and nothing ever goes back. What nobody
// looked into for the longest time is dropped again: of its nodes those stay that the kernel knows,
// which is asked to forget those that it does not use.
#include <algorithm>

#include "core/log.h"
#include "fusefs/volume/request_scope.h"
#include "fusefs/volume/volume.h"

namespace outboard::fusefs {
namespace {

Error feed_late(std::string_view volume) {
  return Error{Code::timed_out,
               "a directory could not be loaded in time: the changes up to it have not arrived",
               std::string(volume)};
}

// What is left when a view drops names, so that it need not do so again at once.
std::size_t roomy(std::uint64_t nodes_max) {
  return static_cast<std::size_t>(nodes_max / 4 * 3);
}

}  // namespace

MountedVolume::Stay::Stay(MountedVolume& volume) : volume_(volume) {
  Lock lock(volume_.mutex_);
  State& state = volume_.state_;
  since_ = ++state.uses;
  state.verbs.insert(since_);
}

MountedVolume::Stay::~Stay() {
  Lock lock(volume_.mutex_);
  std::multiset<std::uint64_t>& verbs = volume_.state_.verbs;
  verbs.erase(verbs.find(since_));
}

Status MountedVolume::begin(TreeCache& tree, Moment deadline) {
  ReadAt at;
  at.at_least = tree.seq();
  auto root = store_.attributes(RequestScope::call(deadline), volume_.id, kRootInode, at);
  if (!root) return std::move(root).error();
  tree.begin_at(root->seq, root->value);
  return success();
}

Status MountedVolume::know(Inode directory, std::string_view name) {
  {
    Lock lock(mutex_);
    state_.tree.use(directory, ++state_.uses);
    if (state_.tree.complete(directory)) return success();
    if (!name.empty() && state_.tree.child(directory, name) != nullptr) return success();
  }
  return load_directory(directory);
}

Status MountedVolume::load_directory(Inode directory) {
  const Moment deadline = read_deadline();
  for (;;) {
    std::uint64_t load = 0;
    ReadAt at;
    bool here = false;
    {
      Lock lock(mutex_);
      while (state_.tree.loading(directory)) {
        if (!wait_for_change(deadline)) return feed_late(volume_.name);
      }
      if (state_.tree.complete(directory)) return success();
      load = state_.tree.begin_load(directory);
      at.at_least = state_.tree.ahead();
      here = state_.tree.find(directory) != nullptr;
    }
    auto listed = list_whole(directory, at, deadline);
    std::optional<Node> itself;
    Status asked = success();
    if (!listed) asked = listed.error();
    if (listed && !here) {
      at.as_of = listed->seq;
      auto node = store_.attributes(RequestScope::call(deadline), volume_.id, directory, at);
      if (node) itself = std::move(node->value);
      if (!node) asked = node.error();
    }
    Notices notices;
    bool joined = false;
    {
      Lock lock(mutex_);
      while (asked && state_.tree.seq() < listed->seq) {
        if (!wait_for_change(deadline) && state_.tree.seq() < listed->seq) {
          asked = feed_late(volume_.name);
        }
      }
      if (asked) {
        if (itself) state_.tree.put_unlisted(*itself);
        joined = state_.tree.end_load(directory, load, listed->value);
        state_.tree.use(directory, ++state_.uses);
      } else {
        state_.tree.give_up_load(directory, load);
      }
      changed_.notify_all();
      shrink(notices);
    }
    post(std::move(notices));
    if (!asked || joined) return asked;
    if (clock_.now() >= deadline) return feed_late(volume_.name);
  }
}

Result<At<std::vector<Entry>>> MountedVolume::list_whole(Inode directory, ReadAt at,
                                                         Moment deadline) {
  At<std::vector<Entry>> all;
  for (std::string after;;) {
    auto page = store_.list(RequestScope::call(deadline), volume_.id, directory, after,
                            kPageEntriesMax, at);
    if (!page) return std::move(page).error();
    if (all.value.empty()) {
      all.seq = page->seq;
      at.as_of = page->seq;  // the other pages are of the same moment
    }
    std::ranges::move(page->value.entries, std::back_inserter(all.value));
    if (page->value.next.empty()) return all;
    after = std::move(page->value.next);
  }
}

void MountedVolume::drop_unlisted() {
  for (const Inode inode : state_.inodes.take_unused()) {
    state_.unlisted.emplace_back(state_.uses, inode);
  }
  for (const Inode inode : state_.tree.take_unlisted()) {
    state_.unlisted.emplace_back(state_.uses, inode);
  }
  const std::uint64_t since = state_.verbs.empty() ? state_.uses + 1 : *state_.verbs.begin();
  while (!state_.unlisted.empty() && state_.unlisted.front().first < since) {
    const Inode inode = state_.unlisted.front().second;
    state_.unlisted.pop_front();
    if (!state_.inodes.refers(inode)) state_.tree.drop_unlisted(inode);
  }
}

void MountedVolume::shrink(Notices& notices) {
  drop_unlisted();
  const std::size_t room = roomy(view_.tree_nodes_max);
  if (state_.tree.nodes() <= room) state_.shrink_at = view_.tree_nodes_max;
  if (state_.tree.nodes() <= std::max(state_.shrink_at, view_.tree_nodes_max)) return;
  if (!drops_names()) return;
  const std::uint64_t since = state_.verbs.empty() ? state_.uses + 1 : *state_.verbs.begin();
  state_.tree.shrink(
      room, since, [&](Inode inode) { return state_.inodes.refers(inode); },
      [&](Inode directory, const std::vector<Inode>& staying) {
        Notice notice;
        notice.kind = NoticeKind::unused;
        notice.node = state_.inodes.current(directory);
        for (const Inode inode : staying) {
          if (const NodeId node = state_.inodes.current(inode)) notice.unused.push_back(node);
        }
        // Itself, too, once nothing in it is known.
        if (notice.node && notice.node != kRootId) notice.unused.push_back(notice.node);
        if (!notice.unused.empty()) notices.push_back(std::move(notice));
      });
  if (!state_.tree.whole()) on_demand_ = true;
  // What the kernel holds on to stays: no other look at all of it before there is more.
  state_.shrink_at = state_.tree.nodes() + view_.tree_nodes_max / 4;
}

Result<MountedVolume::Answers> MountedVolume::ask_again(Seq as_of, Moment deadline) {
  Answers answers;
  {
    Lock lock(mutex_);
    for (const Inode inode : in_use()) answers[inode];
  }
  ReadAt at;
  at.as_of = as_of;
  for (auto& [inode, answer] : answers) {
    auto node = store_.attributes(RequestScope::call(deadline), volume_.id, inode, at);
    if (node && !node->value.removed()) answer = std::move(node->value);
    if (!node && node.error().code != Code::not_found) return std::move(node).error();
  }
  return answers;
}

std::vector<Inode> MountedVolume::in_use() const {
  std::vector<Inode> inodes;
  for (const Binding& binding : state_.inodes.rows()) {
    const TreeNode* node = state_.tree.find(binding.inode);
    if (binding.pinned || node == nullptr || binding.id == kRootId) continue;
    if (node->children || state_.files.contains(binding.id)) inodes.push_back(binding.inode);
  }
  return inodes;
}

// What was changed is not known: the kernel is told to look up every name again, and who has a file
// open goes on with what it had, as after an overwrite, unless the very version still stands.
Status MountedVolume::begin_again(Moment deadline) {
  for (;;) {
    TreeCache fresh;
    fresh.feed_passed(head());
    if (auto begun = begin(fresh, deadline); !begun) return begun;
    auto answers = ask_again(fresh.seq(), deadline);
    if (!answers) return std::move(answers).error();
    Notices notices;
    {
      Lock lock(mutex_);
      const auto asked = [&](Inode inode) { return answers->contains(inode); };
      // An own request was answered, or another node came to be in use, after the questions were
      // asked: ask again.
      if (fresh.seq() < state_.tree.ahead() || !std::ranges::all_of(in_use(), asked)) continue;
      for (const auto& [inode, node] : *answers) {
        if (node) fresh.put_unlisted(*node);
        if (const TreeNode* was = state_.tree.find(inode)) {
          fresh.set_generation(inode, was->generation);
        }
      }
      const TreeCache before = std::exchange(state_.tree, std::move(fresh));
      announce_anew(before, notices);
      if (strict_) state_.unsettled.begin(state_.tree.seq(), clock_.now());
    }
    post(std::move(notices));
    note_posted(seq());
    return success();
  }
}

void MountedVolume::announce_anew(const TreeCache& before, Notices& notices) {
  blocks_.drop_all();  // among the changes that were missed may be a redaction
  Notice all;
  all.kind = NoticeKind::all_names;
  all.node = kRootId;
  all.delivered = std::make_shared<std::atomic<bool>>(false);
  notices.push_back(all);
  for (const Binding& binding : state_.inodes.rows()) {
    Notice notice;
    notice.kind = NoticeKind::content;
    notice.node = binding.id;
    notices.push_back(std::move(notice));
    const TreeNode* old = before.find(binding.inode);
    TreeNode* now = state_.tree.find(binding.inode);
    if (binding.pinned || old == nullptr || binding.id == kRootId) continue;
    const bool same = now != nullptr && now->node.version == old->node.version;
    if (same || (now != nullptr && shared_in_place(binding.id))) continue;
    if (now != nullptr) ++now->generation;
    Binding* retired = state_.inodes.retire(binding.inode, old->node);
    if (!old->names.empty()) retired->last_name = old->names.front();
    retired->announced = all.delivered;
    drop_if_idle(binding.id);
  }
}

}  // namespace outboard::fusefs
