#include "server/reviewed_store.h"

#include <algorithm>
#include <utility>

namespace outboard::server {
namespace {

bool writes_in(const Caller& caller, VolumeId volume) {
  return std::any_of(caller.grants.begin(), caller.grants.end(), [&](const Grant& grant) {
    return grant.write && (!grant.volume || grant.volume == volume);
  });
}

std::optional<Seq> pin_of(const Caller& caller, VolumeId volume) {
  for (const Pin& pin : caller.pins) {
    if (pin.volume == volume) return pin.seq;
  }
  return std::nullopt;
}

// What a pinned subscriber hears: that the server lives, and never a change.
class PinnedSink final : public FeedSink {
 public:
  PinnedSink(std::shared_ptr<FeedSink> sink, Seq seq) : sink_(std::move(sink)), seq_(seq) {}

  bool offer(const std::shared_ptr<const FeedItem>& item) override {
    if (!item->changes.empty() && !item->end) return true;
    auto still = std::make_shared<FeedItem>();
    still->volume = item->volume;
    still->upto = seq_;
    still->end = item->end;
    return sink_->offer(still);
  }

 private:
  const std::shared_ptr<FeedSink> sink_;
  const Seq seq_;
};

Error not_published(const std::string& what) {
  return Error{Code::not_found, what + " is not published: there is nothing to see of it yet",
               what};
}

Error pinned(Seq pin) {
  return Error{Code::read_only, "this token is pinned to a revision, the tree as of seq " +
                                    to_string(pin) +
                                    ", which nobody changes: write with one that is not"};
}

template <class T>
Result<At<T>> within(Result<At<T>> answer, std::optional<Seq> horizon) {
  if (answer && horizon) answer->seq = std::min(answer->seq, *horizon);
  return answer;
}

// Ends a reader's feed when its volume turns from direct to reviewed or back: the subscriber asks
// again, and gets the other one.
class ModeSink final : public FeedSink {
 public:
  ModeSink(std::shared_ptr<FeedSink> sink, Pointers& pointers, VolumeMode mode)
      : sink_(std::move(sink)), pointers_(pointers), mode_(mode) {}

  bool offer(const std::shared_ptr<const FeedItem>& item) override {
    const auto now = pointers_.known(item->volume);
    if (!item->end && now && now->mode != mode_) return false;
    return sink_->offer(item);
  }
  bool shows() const override { return sink_->shows(); }
  bool remembers() const override { return sink_->remembers(); }

 private:
  const std::shared_ptr<FeedSink> sink_;
  Pointers& pointers_;
  const VolumeMode mode_;
};

}  // namespace

Result<std::optional<Seq>> ReviewedStore::horizon(const Call& call, VolumeId volume) {
  if (const auto pin = pin_of(call.caller, volume)) return pin;
  if (writes_in(call.caller, volume)) return std::optional<Seq>();
  auto pointer = pointers_.of(volume, call.deadline);
  if (!pointer) return pointer.error();
  if (pointer->mode == VolumeMode::direct) return std::optional<Seq>();
  return std::optional(pointer->seq);
}

Result<ReadAt> ReviewedStore::placed(const Call& call, VolumeId volume, const ReadAt& at,
                                     std::optional<Seq>& horizon) {
  auto seen = this->horizon(call, volume);
  if (!seen) return seen.error();
  if (*seen && at.at_least > **seen) {
    if (pin_of(call.caller, volume) || !feed_.wait(volume, at.at_least, call.deadline)) {
      return Error{Code::timed_out, "the volume is published up to seq " + to_string(**seen) +
                                        " and did not reach " + to_string(at.at_least) +
                                        " in time: publish what is to be seen"};
    }
    seen = this->horizon(call, volume);
    if (!seen) return seen.error();
  }
  horizon = *seen;
  ReadAt below = at;
  if (at.revision) {
    auto seq = revisions_.seq_of(volume, *at.revision, call.deadline, seen->value_or(Seq{}));
    if (!seq) return seq.error();
    below.as_of = *seq;
    below.revision.reset();
  }
  if (!*seen) return below;
  below.at_least = Seq{};
  if (below.as_of && *below.as_of > **seen) return not_published("seq " + to_string(*below.as_of));
  if (!below.as_of) below.as_of = **seen;
  return below;
}

Result<Volume> ReviewedStore::shown(const Call& call, Volume volume) {
  auto seen = horizon(call, volume.id);
  if (!seen) return seen.error();
  if (*seen) volume.head = **seen;
  if (pin_of(call.caller, volume.id)) volume.read_only = true;
  return volume;
}

Result<Volume> ReviewedStore::open_volume(const Call& call, std::string_view name) {
  auto volume = store_.open_volume(call, name);
  return volume ? shown(call, *std::move(volume)) : volume;
}

Result<Volume> ReviewedStore::describe(const Call& call, VolumeId id) {
  auto volume = store_.describe(call, id);
  return volume ? shown(call, *std::move(volume)) : volume;
}

Result<Applied> ReviewedStore::apply(const Call& call, VolumeId volume, const Batch& batch) {
  if (const auto pin = pin_of(call.caller, volume)) return pinned(*pin);
  return store_.apply(call, volume, batch);
}

void ReviewedStore::submit(const Call& call, VolumeId volume, Batch batch, ApplyDone done) {
  if (const auto pin = pin_of(call.caller, volume)) return done(pinned(*pin));
  store_.submit(call, volume, std::move(batch), std::move(done));
}

Result<At<Entry>> ReviewedStore::lookup(const Call& call, VolumeId volume, const NameRef& name,
                                        const ReadAt& at) {
  std::optional<Seq> seen;
  auto below = placed(call, volume, at, seen);
  if (!below) return below.error();
  return within(store_.lookup(call, volume, name, *below), seen);
}

Result<At<Node>> ReviewedStore::attributes(const Call& call, VolumeId volume, const NodeRef& node,
                                           const ReadAt& at) {
  std::optional<Seq> seen;
  auto below = placed(call, volume, at, seen);
  if (!below) return below.error();
  return within(store_.attributes(call, volume, node, *below), seen);
}

Result<At<Page>> ReviewedStore::list(const Call& call, VolumeId volume, const NodeRef& directory,
                                     std::string_view after, std::uint32_t limit,
                                     const ReadAt& at) {
  std::optional<Seq> seen;
  auto below = placed(call, volume, at, seen);
  if (!below) return below.error();
  return within(store_.list(call, volume, directory, after, limit, *below), seen);
}

Result<At<Content>> ReviewedStore::read(const Call& call, VolumeId volume, Inode inode,
                                        Version version, std::uint64_t offset, std::size_t size) {
  auto seen = horizon(call, volume);
  if (!seen) return seen.error();
  if (!*seen) return store_.read(call, volume, inode, version, offset, size);
  auto visible = revisions_.visible(volume, {{inode, version}}, **seen, call.deadline);
  if (!visible) return visible.error();
  if (!visible->front()) return not_published("inode " + to_string(inode));
  return within(store_.read(call, volume, inode, visible->front(), offset, size), *seen);
}

Result<At<std::vector<Result<Content>>>> ReviewedStore::read_many(
    const Call& call, VolumeId volume, const std::vector<ContentKey>& keys) {
  auto seen = horizon(call, volume);
  if (!seen) return seen.error();
  if (!*seen || keys.size() > kReadManyMax) return store_.read_many(call, volume, keys);
  auto visible = revisions_.visible(volume, keys, **seen, call.deadline);
  if (!visible) return visible.error();
  std::vector<ContentKey> allowed;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if ((*visible)[i]) allowed.push_back({keys[i].inode, (*visible)[i]});
  }
  auto read = store_.read_many(call, volume, allowed);
  if (!read) return read;
  At<std::vector<Result<Content>>> answer{{}, std::min(read->seq, **seen)};
  auto next = read->value.begin();
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if ((*visible)[i]) {
      answer.value.push_back(std::move(*next++));
    } else {
      answer.value.emplace_back(not_published("inode " + to_string(keys[i].inode)));
    }
  }
  return answer;
}

Result<Seq> ReviewedStore::snapshot(const Call& call, VolumeId volume, const SnapshotQuery& query,
                                    const std::function<void(SnapshotPart)>& take) {
  std::optional<Seq> seen;
  auto below = placed(call, volume, query.at, seen);
  if (!below) return below.error();
  SnapshotQuery asked = query;
  asked.at = *below;
  auto seq = store_.snapshot(call, volume, asked, take);
  if (seq && seen) return std::min(*seq, *seen);
  return seq;
}

Result<At<Xattrs>> ReviewedStore::xattrs(const Call& call, VolumeId volume, Inode inode,
                                         const ReadAt& at) {
  std::optional<Seq> seen;
  auto below = placed(call, volume, at, seen);
  if (!below) return below.error();
  return within(store_.xattrs(call, volume, inode, *below), seen);
}

Result<At<std::vector<std::vector<std::string>>>> ReviewedStore::paths(
    const Call& call, VolumeId volume, const std::vector<Inode>& inodes, const ReadAt& at) {
  std::optional<Seq> seen;
  auto below = placed(call, volume, at, seen);
  if (!below) return below.error();
  return within(store_.paths(call, volume, inodes, *below), seen);
}

Result<At<std::vector<Change>>> ReviewedStore::history(const Call& call, VolumeId volume,
                                                       const HistoryQuery& query) {
  auto seen = horizon(call, volume);
  if (!seen) return seen.error();
  HistoryQuery asked = query;
  if (*seen) {
    const Seq end{(*seen)->value + 1};
    asked.before = query.before ? std::min(query.before, end) : end;
  }
  return within(store_.history(call, volume, asked), *seen);
}

Result<At<std::vector<VersionInfo>>> ReviewedStore::versions(const Call& call, VolumeId volume,
                                                             const NodeRef& node) {
  auto seen = horizon(call, volume);
  if (!seen) return seen.error();
  if (!*seen) return store_.versions(call, volume, node);
  // The path is the readers': the head may have another file there.
  auto found = attributes(call, volume, node, {});
  if (!found) return found.error();
  auto kept = within(store_.versions(call, volume, found->value.inode), *seen);
  if (kept) std::erase_if(kept->value, [&](const VersionInfo& one) { return one.seq > **seen; });
  return kept;
}

// A feed of marks alone. It follows the head, whose changes it does not hear.
Result<std::unique_ptr<Subscription>> ReviewedStore::still(const Call& call, VolumeId volume,
                                                           Seq pin,
                                                           std::shared_ptr<FeedSink> sink) {
  auto head = store_.describe(call, volume);
  if (!head) return head.error();
  return store_.subscribe(call, volume, head->head,
                          std::make_shared<PinnedSink>(std::move(sink), pin));
}

Result<std::unique_ptr<Subscription>> ReviewedStore::subscribe(const Call& call, VolumeId volume,
                                                               Seq after,
                                                               std::shared_ptr<FeedSink> sink) {
  if (const auto pin = pin_of(call.caller, volume)) {
    if (after == *pin) return still(call, volume, *pin, std::move(sink));
    return Error{Code::history_gone, "this token is pinned to seq " + to_string(*pin) + ", not " +
                                         to_string(after) + ": take a snapshot and follow it"};
  }
  if (writes_in(call.caller, volume)) {
    return store_.subscribe(call, volume, after, std::move(sink));
  }
  auto pointer = pointers_.of(volume, call.deadline);
  if (!pointer) return pointer.error();
  auto gate = std::make_shared<ModeSink>(std::move(sink), pointers_, pointer->mode);
  if (pointer->mode == VolumeMode::direct) {
    return store_.subscribe(call, volume, after, std::move(gate));
  }
  return feed_.subscribe(volume, after, std::move(gate));
}

void ReviewedStore::lock(const Call& call, VolumeId volume, const LockQuery& query, LockDone done) {
  store_.lock(call, volume, query, std::move(done));
}

Status ReviewedStore::settle(const Call& call, VolumeId volume, Seq seq) {
  return store_.settle(call, volume, seq);
}

}  // namespace outboard::server
