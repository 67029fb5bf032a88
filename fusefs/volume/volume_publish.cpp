// Publishing: unsaved bytes become one version, once, or come back with the reason why not.
//
// A publish takes the buffer as a parcel, sends it with no lock held, and settles it. Meanwhile
// writes go to a new buffer above it. When the answer is lost the parcel stays, and is sent again
// with the same request id before anything else of this file. [S2, S8]
//
// The race that is won here: the feed may tell of a publish before its answer arrives. Whoever
// comes first takes the parcel off the stack under the lock (settle_parcels or land), the other
// finds it gone. An append between which and the last known version others came cannot be placed by
// its answer alone: it stays as a layer until the feed, which tells all of them in order, reaches
// it.
#include <algorithm>

#include "core/log.h"
#include "fusefs/volume/doubt.h"
#include "fusefs/volume/request_scope.h"
#include "fusefs/volume/volume.h"

namespace outboard::fusefs {
namespace {

// Own publishes up to this size are remembered whole, so that reading them asks nobody.
constexpr std::uint64_t kRememberBytesMax = 1U << 20U;

// Whether the feed tells that the parcel's bytes did not become the file's: they were merged with
// others', or stand beside the file. [S35]
bool went_elsewhere(const Parcel& parcel, Inode inode, const Change& change) {
  if (change.node.inode != inode) return true;
  const auto* write = std::get_if<Write>(&parcel.batch->steps.front().op);
  return write != nullptr && write->base && !change.conflict &&
         change.node.version.value > write->base->value + 1;
}

Outcome content_outcome(const Applied& applied) {
  Outcome outcome = applied.outcomes.front();
  outcome.node = applied.outcomes.back().node;
  return outcome;
}

}  // namespace

OpenFile& MountedVolume::file_of(NodeId node) {
  const auto found = state_.files.find(node);
  if (found != state_.files.end()) return found->second;
  state_.inodes.hold(node);
  OpenFile& file = state_.files[node];
  file.inode = state_.inodes.find(node)->inode;
  return file;
}

void MountedVolume::drop_if_idle(NodeId node) {
  const auto found = state_.files.find(node);
  if (found == state_.files.end()) return;
  const OpenFile& file = found->second;
  if (file.handles > 0 || file.publishing || file.dirty()) return;
  const Binding* binding = state_.inodes.find(node);
  if (!file.parcels.empty() && !binding->pinned) return;  // the feed will take them off
  state_.files.erase(found);
  state_.inodes.release(node);
}

void MountedVolume::dirtied(OpenFile& file) {
  const bool first = file.modified == std::nullopt;
  ++file.edits;
  file.modified = clock_.wall();
  file.times_set = false;
  if (!first) return;
  file.dirty_since = clock_.now();
  if (wake_ && file.top.appends_only()) wake_();
}

Status MountedVolume::publish(NodeId node, Extent extent) {
  note_lease();
  const Moment deadline = write_deadline();
  for (;;) {
    auto outgoing = begin_publish(node, extent, deadline);
    if (!outgoing) return std::move(outgoing).error();
    if (!outgoing->batch) return success();
    auto answer = store_.apply(RequestScope::call(deadline), volume_.id, *outgoing->batch);
    if (auto ended = end_publish(node, *outgoing->batch, std::move(answer)); !ended) return ended;
    if (!outgoing->again) return success();
  }
}

Result<MountedVolume::Outgoing> MountedVolume::begin_publish(NodeId node, Extent extent,
                                                             Moment deadline) {
  Lock lock(mutex_);
  for (;;) {
    const auto found = state_.files.find(node);
    if (found == state_.files.end()) return Outgoing{};
    OpenFile& file = found->second;
    if (file.publishing || state_.leaving.contains(node)) {
      if (!wait_for_change(deadline)) {
        return Error{Code::timed_out, "what else is done to this file did not end in time",
                     to_string(node)};
      }
      continue;
    }
    if (file.forsaken && file.dirty()) {
      return Error{Code::corrupt, "the lock under which this was written was lost",
                   to_string(node)};
    }
    const bool again = !file.parcels.empty() && !file.parcels.back().landed;
    if (!again && !prepare_parcel(node, file, extent)) {
      drop_if_idle(node);
      return Outgoing{};
    }
    file.publishing = true;
    return Outgoing{file.parcels.back().batch, again};
  }
}

// What is written upon bytes that no version has (merged ones, or appends that others' changes came
// before) cannot name one: it goes as all that this node id shows, on the version at the bottom,
// and says what of it is in the file already.
void MountedVolume::fold_parcels(OpenFile& file, const Node& base) {
  if (file.is_a_version(base.version)) return;
  const std::uint64_t size = base.attributes.size;
  WriteBuffer whole;
  for (const Parcel& parcel : file.parcels) {
    whole.absorb(size, parcel.buffer);
    if (parcel.fate == Fate::beside) continue;
    if (parcel.buffer.appends_only()) {
      file.merged.absorb(size, parcel.buffer);
    } else {
      file.merged = whole;
    }
  }
  whole.absorb(size, file.top);
  file.top = std::move(whole);
  file.parcels.clear();
  // What is larger is not merged, and need not be kept.
  if (std::max(size, file.merged.size(size)) > kMergeBytesMax) file.merged = {};
}

bool MountedVolume::prepare_parcel(NodeId node, OpenFile& file, Extent extent) {
  if (extent == Extent::in_doubt) return false;
  const Binding* binding = state_.inodes.find(node);
  if (file.top.empty()) {
    file.modified.reset();
    return false;
  }
  if (binding->pinned && binding->removed_here) return false;  // nobody can open it again
  if (extent == Extent::released && file.writers > 0) return false;
  if (extent == Extent::data && file.top.bare_truncation()) return false;
  const Node* base = node_of(*binding);
  if (base == nullptr) return false;
  if (!file.top.appends_only()) fold_parcels(file, *base);
  const std::uint64_t below = file.size_below_top(base->attributes.size);
  const Version version = file.parcels.empty() ? base->version : *file.parcels.back().landed;
  auto batch = std::make_shared<Batch>();
  batch->request = numbers_.begin();
  batch->acknowledged = numbers_.acknowledged();
  if (file.modified && !file.times_set) batch->written = *file.modified;  // as it is shown
  Op op = file.top.to_op(file.inode, version, below);
  auto* write = std::get_if<Write>(&op);
  if (write != nullptr && !file.merged.empty() && write->size <= kMergeBytesMax) {
    write->merged = file.merged.to_edit(base->attributes.size);
  }
  batch->steps.push_back({std::move(op), {}});
  if (file.times_set) {
    SetAttributes times;
    times.node = file.inode;
    times.modified = file.modified;
    batch->steps.push_back({times, {}});
  }
  state_.publishers[batch->request.number] = node;
  state_.own.insert(batch->request.number);
  file.parcels.push_back({std::move(batch), std::exchange(file.top, {}), std::nullopt, Fate::stored,
                          std::exchange(file.modified, std::nullopt)});
  file.times_set = false;
  return true;
}

namespace {

// A program that closes a file can be told of refusals only: warnings are for who reads the log.
void log_warnings(const Applied& applied) {
  for (const Outcome& outcome : applied.outcomes) {
    for (const std::string& warning : outcome.warnings) {
      log(Severity::warning, "a write broke a rule of its volume", {{"what", warning}});
    }
  }
}

}  // namespace

Status MountedVolume::end_publish(NodeId node, const Batch& batch, Result<Applied> answer) {
  publishes_.answered(answer);
  Notices notices;
  Status ended = success();
  const auto copy = answer ? answer->outcomes.front().conflict_copy : std::nullopt;
  const std::uint64_t number = batch.request.number;
  const bool open = !answer && is_in_doubt(answer.error());
  {
    Lock lock(mutex_);
    OpenFile& file = file_of(node);
    file.publishing = false;
    const bool there = !file.parcels.empty() && file.parcels.back().batch.get() == &batch &&
                       !file.parcels.back().landed;
    if (answer) {
      state_.unsettled.settled(answer->last);  // before it was answered
      if (there) land(node, batch, *answer, notices);
    } else if (there) {
      ended = std::move(answer).error();
      if (!open) take_back(node, file);
    }
    if (!open || !there) {
      state_.publishers.erase(number);
      numbers_.end(number);
    }
    if (answer ? !answer->last : !open) state_.own.erase(number);
    changed_.notify_all();
    if (wake_ && goes_by_itself(file)) wake_();
    drop_if_idle(node);
  }
  post(std::move(notices));
  if (answer) log_warnings(*answer);
  if (copy) {
    log(Severity::warning, "what was written could not be merged; it stands beside the file",
        {{"volume", volume_.name}, {"copy", copy->name}});
  }
  if (!ended && ended.error().code == Code::not_found) {
    return Error{Code::conflict, "the file was removed elsewhere while it was written",
                 to_string(node)};
  }
  return ended;
}

void MountedVolume::take_back(NodeId node, OpenFile& file) {
  Parcel parcel = std::move(file.parcels.back());
  file.parcels.pop_back();
  const Node* base = node_of(node);
  const std::uint64_t below = file.size_below_top(base == nullptr ? 0 : base->attributes.size);
  parcel.buffer.absorb(below, file.top);
  file.top = std::move(parcel.buffer);
  if (!file.modified) {  // nothing was written since
    file.modified = parcel.modified;
    file.times_set = parcel.batch->steps.size() > 1;
  }
  file.dirty_since = clock_.now();
}

void MountedVolume::land(NodeId node, const Batch& batch, const Applied& applied,
                         Notices& notices) {
  OpenFile& file = file_of(node);
  const Op& op = batch.steps.front().op;
  const Outcome& first = applied.outcomes.front();
  if (first.merged || first.conflict_copy) return land_elsewhere(file, batch, applied, notices);
  auto change = change_of(op, content_outcome(applied), state_.tree);
  if (!change) {  // it changed nothing: the bytes were there already
    file.parcels.pop_back();
    return;
  }
  if (std::holds_alternative<Append>(op)) return land_append(node, file, *change, notices);
  land_write(node, file, *change, notices);
}

// The node id goes on showing the bytes that were written through it, as after any overwrite by
// another; whoever opens the file from now on sees what is there. [S1, S35]
void MountedVolume::land_elsewhere(OpenFile& file, const Batch& batch, const Applied& applied,
                                   Notices& notices) {
  const Outcome outcome = content_outcome(applied);
  file.parcels.back().landed = outcome.node.version;
  file.parcels.back().fate = outcome.conflict_copy ? Fate::beside : Fate::merged;
  // The name of a copy is news to the kernel, though the request was this mount's.
  if (outcome.conflict_copy) state_.announce_own.insert(batch.request.number);
  if (!outcome.seq) return;  // all of it was there already; the feed brings the rest
  Change change;
  change.kind = ChangeKind::write;
  change.seq = outcome.seq;
  change.node = outcome.node;
  change.at = outcome.node.attributes.changed;
  Source source;
  source.own = true;
  absorb(change, source, notices);
}

void MountedVolume::land_append(NodeId node, OpenFile& file, const Change& change,
                                Notices& notices) {
  const Binding& binding = *state_.inodes.find(node);
  if (!binding.pinned) {
    const TreeNode* tree = state_.tree.find(file.inode);
    const bool next = tree != nullptr && file.parcels.size() == 1 &&
                      change.node.version.value == tree->node.version.value + 1;
    if (next || (tree != nullptr && tree->node.version >= change.node.version)) {
      state_.tree.apply(change, false, true);
      file.parcels.clear();
      return;
    }
  }
  file.parcels.back().landed = change.node.version;
  if (file.bytes_held() <= kHandleDirtyBytesMax / 2) return;
  if (!binding.pinned) {
    const TreeNode* tree = state_.tree.find(file.inode);
    if (tree == nullptr) return;
    retire(tree->node, notices);
  }
  repin(node, file, change.node, notices);
}

void MountedVolume::land_write(NodeId node, OpenFile& file, const Change& change,
                               Notices& notices) {
  const WriteBuffer& buffer = file.parcels.back().buffer;
  if (buffer.covers_all() && change.node.attributes.size <= kRememberBytesMax) {
    std::string bytes;
    for (const Piece& piece : buffer.pieces(0, 0, change.node.attributes.size)) {
      bytes.append(piece.bytes);
    }
    if (bytes.size() == change.node.attributes.size) {
      blocks_.put_whole(version_of(change.node), bytes);
    }
  }
  Binding& binding = *state_.inodes.find(node);
  file.parcels.clear();
  file.merged = {};
  if (binding.pinned) {
    binding.pinned = change.node;
    binding.pinned->attributes.links = 0;
  }
  Source source;
  source.own = true;
  source.publisher = node;
  absorb(change, source, notices);
}

void MountedVolume::repin(NodeId node, OpenFile& file, const Node& now, Notices& notices) {
  Binding& binding = *state_.inodes.find(node);
  binding.pinned = now;
  binding.pinned->attributes.links = 0;
  file.parcels.clear();
  file.merged = {};
  Notice notice;
  notice.kind = NoticeKind::content;
  notice.node = node;
  notices.push_back(std::move(notice));
}

void MountedVolume::settle_parcels(const Change& change, const Source& source) {
  const NodeId node =
      source.publisher ? source.publisher : state_.inodes.current(change.node.inode);
  const auto found = state_.files.find(node);
  if (found == state_.files.end() || found->second.parcels.empty()) return;
  OpenFile& file = found->second;
  Binding& binding = *state_.inodes.find(node);
  Parcel& last = file.parcels.back();
  const bool told = source.publisher && last.batch->request.number == source.number;
  if (told && !file.publishing) {
    state_.publishers.erase(source.number);
    numbers_.end(source.number);
  }
  if (binding.pinned) {
    if (!told || last.landed) return;
    if (went_elsewhere(last, file.inode, change)) {
      last.landed = change.node.version;
      last.fate = change.node.inode == file.inode ? Fate::merged : Fate::beside;
    } else if (change.kind == ChangeKind::append) {
      last.landed = change.node.version;
    } else if (change.kind == ChangeKind::write) {
      binding.pinned = change.node;
      binding.pinned->attributes.links = 0;
      file.parcels.clear();
      file.merged = {};
    }
    return;
  }
  const TreeNode* tree = state_.tree.find(file.inode);
  if (tree == nullptr) return;
  while (!file.parcels.empty()) {
    const Parcel& first = file.parcels.front();
    const bool passed = first.landed && *first.landed <= tree->node.version;
    const bool this_one = source.publisher && first.batch->request.number == source.number;
    if (!passed && !this_one) break;
    if (this_one) file.merged = {};
    file.parcels.pop_front();
  }
  drop_if_idle(node);
}

void MountedVolume::on_dirty(std::function<void()> wake) {
  Lock lock(mutex_);
  wake_ = std::move(wake);
}

bool MountedVolume::goes_by_itself(const OpenFile& file) {
  return !file.publishing && file.dirty() &&
         (file.writers == 0 || file.top.appends_only() || file.on_its_way());
}

void MountedVolume::publish_due() {
  std::vector<std::pair<NodeId, Extent>> due;
  {
    Lock lock(mutex_);
    const Moment now = clock_.now();
    for (auto& [node, file] : state_.files) {
      if (!goes_by_itself(file) || now < file.dirty_since + kAppendAge) continue;
      file.dirty_since = now;  // when refused, the next try comes an age later
      state_.inodes.hold(node);
      // What is only half written stays, while what is in doubt goes again.
      const Extent open = file.top.appends_only() ? Extent::data : Extent::in_doubt;
      due.emplace_back(node, file.writers == 0 ? Extent::released : open);
    }
  }
  for (const auto& [node, extent] : due) {
    if (extent == Extent::released) {
      finish_released(node);
    } else {
      note_wait(node, publish(node, extent));
    }
    Lock lock(mutex_);
    state_.inodes.release(node);
  }
  settle_locks();
}

Moment MountedVolume::next_due() const {
  Lock lock(mutex_);
  Moment next = state_.owed_due;
  for (const auto& [node, file] : state_.files) {
    if (goes_by_itself(file)) next = std::min(next, file.dirty_since + kAppendAge);
  }
  return next;
}

std::vector<NodeId> MountedVolume::hold_dirty() {
  std::vector<NodeId> dirty;
  Lock lock(mutex_);
  for (const auto& [node, file] : state_.files) {
    if (file.dirty()) dirty.push_back(node);
  }
  for (const NodeId node : dirty) state_.inodes.hold(node);
  return dirty;
}

Status MountedVolume::publish_unsaved() {
  Status all = success();
  for (const NodeId node : hold_dirty()) {
    if (auto published = publish(node, Extent::data); !published && all) all = published;
    Lock lock(mutex_);
    state_.inodes.release(node);
  }
  return all;
}

void MountedVolume::publish_all() {
  end_by(write_deadline());
  for (const NodeId node : hold_dirty()) {
    if (const auto published = publish(node, Extent::everything); !published) {
      log(Severity::error, "unsaved bytes are lost: the mount ends and the store refuses them",
          {{"volume", volume_.name},
           {"node", to_string(node)},
           {"why", published.error().message}});
    }
    Lock lock(mutex_);
    state_.inodes.release(node);
  }
}

}  // namespace outboard::fusefs
