// What becomes of unsaved bytes when nobody has their file open any more: they are published, wait
// for a store that is away, or, refused for good, stand beside the file. [S2]
#include <algorithm>

#include "core/log.h"
#include "core/merge.h"
#include "fusefs/volume/doubt.h"
#include "fusefs/volume/volume.h"

namespace outboard::fusefs {
namespace {

// A large file is copied in parts of this size: no more of it is held. [S65]
constexpr std::uint64_t kCopiedAtOnce = 8ULL << 20U;

}  // namespace

// Once that something waits, and once that it has arrived, whoever of several asks.
void MountedVolume::note_wait(NodeId node, const Status& published) {
  {
    Lock lock(mutex_);
    const bool news =
        published ? state_.waiting.erase(node) > 0 : state_.waiting.insert(node).second;
    if (!news) return;
  }
  if (published) {
    log(Severity::info, "what waited for the store has reached it",
        {{"volume", volume_.name}, {"node", to_string(node)}});
  } else {
    log(Severity::warning, "unsaved bytes wait for the store; it is asked again and again",
        {{"volume", volume_.name}, {"node", to_string(node)}, {"why", published.error().message}});
  }
}

// The kernel releases some time after close() has returned: the next program may have opened the
// file by then, truncated it, and written half of what it has to write. That is not ours to
// publish; the question whether there is a writer is asked with the lock held that takes the bytes.
// [S1]
void MountedVolume::finish_released(NodeId node) {
  const auto published = publish(node, Extent::released);
  const bool later = !published && may_succeed_later(published.error());
  if (published || later) note_wait(node, published);
  {
    Lock lock(mutex_);
    const auto found = state_.files.find(node);
    if (found == state_.files.end()) return;
    const Binding* binding = state_.inodes.find(node);
    if (found->second.handles == 0 && binding->pinned && binding->removed_here) {
      let_go(found->second);  // removed through this mount, and nobody holds it any more
    }
    if (later && wake_) wake_();
    drop_if_idle(node);
  }
  if (!published && !later) rescue(node, published.error());
}

void MountedVolume::let_go(OpenFile& file) {
  file.top = {};
  file.modified.reset();
  file.times_set = false;
}

Status MountedVolume::copy_beside(NodeId node, Publish copy, std::uint64_t size) {
  Inode inode;
  for (std::uint64_t copied = 0; !inode || copied < size;) {
    auto bytes = read(node, copied, std::min(size - copied, kCopiedAtOnce));
    if (!bytes) return std::move(bytes).error();
    if (inode && bytes->empty()) break;  // somebody has cut it meanwhile
    copied += bytes->size();
    copy.bytes = *std::move(bytes);
    auto outcome = inode ? commit(Append{inode, std::move(copy.bytes)}, true) : commit(copy, true);
    if (!outcome) return std::move(outcome).error();
    inode = outcome->node.inode;
  }
  return success();
}

// Somebody may write into the file meanwhile: what is in it then is theirs to publish.
void MountedVolume::rescue(NodeId node, const Error& why) {
  Publish copy;
  std::uint64_t size = 0;
  std::uint64_t edits = 0;
  {
    Lock lock(mutex_);
    const Binding* binding = state_.inodes.find(node);
    const Node* base = binding == nullptr ? nullptr : node_of(*binding);
    if (base == nullptr) return;
    const OpenFile& file = file_of(node);
    size = file.size(base->attributes.size);
    edits = file.edits;
    Dentry name = state_.tree.name_of(binding->inode).value_or(binding->last_name);
    if (state_.tree.find(name.parent) == nullptr) name.parent = kRootInode;
    copy.at = {name.parent, conflict_name(name.name, to_string(random_uuid()).substr(0, 8))};
    copy.mode = base->attributes.mode;
    copy.uid = base->attributes.uid;
    copy.gid = base->attributes.gid;
  }
  const NameRef at = copy.at;
  const Status kept = copy_beside(node, std::move(copy), size);
  if (kept) publishes_.rescued();
  log(kept ? Severity::warning : Severity::error,
      kept ? "unsaved bytes were written beside the file" : "unsaved bytes are lost",
      {{"volume", volume_.name},
       {"copy", at.name},
       {"bytes", std::to_string(size)},
       {"refused", why.message},
       {"why", kept ? std::string() : kept.error().message}});
  Lock lock(mutex_);
  state_.waiting.erase(node);
  const auto found = state_.files.find(node);
  if (found == state_.files.end()) return;
  OpenFile& file = found->second;
  if (file.edits != edits) return;
  let_go(file);
  file.merged = {};
  if (std::exchange(file.forsaken, false)) {
    for (const Parcel& parcel : file.parcels) {
      state_.publishers.erase(parcel.batch->request.number);
      numbers_.end(parcel.batch->request.number);
    }
    file.parcels.clear();
  }
  drop_if_idle(node);
}

}  // namespace outboard::fusefs
