#include "core/memory_store.h"

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "core/commit.h"
#include "core/limits.h"
#include "core/part_filter.h"
#include "core/path.h"

namespace outboard {
namespace {

// Changes in one item of a backlog, so that a subscriber's queue can stop between two.
constexpr std::size_t kBacklogItemChanges = 1'024;

Error refuse(Code code, std::string subject, std::string message) {
  Error error;
  error.code = code;
  error.message = std::move(message);
  error.subject = std::move(subject);
  return error;
}

std::shared_ptr<FeedItem> item_of(VolumeId volume, Seq upto) {
  auto item = std::make_shared<FeedItem>();
  item->volume = volume;
  item->upto = upto;
  return item;
}

std::shared_ptr<FeedItem> mark_of(const Volume& volume) {
  auto mark = item_of(volume.id, volume.head);
  mark->strict = volume.strict;
  return mark;
}

bool offer_changes(FeedSink& sink, VolumeId volume, const std::vector<Change>& changes,
                   std::size_t from, std::size_t to) {
  auto item = item_of(volume, changes[to - 1].seq);
  item->changes.assign(changes.begin() + static_cast<std::ptrdiff_t>(from),
                       changes.begin() + static_cast<std::ptrdiff_t>(to));
  return sink.offer(item);
}

void end_feed(FeedSink& sink, VolumeId volume, Seq upto, FeedEnd end) {
  auto item = item_of(volume, upto);
  item->end = end;
  sink.offer(item);
}

// Everything behind `after`, then a mark; false when the sink is full.
bool offer_backlog(FeedSink& sink, const MemoryVolume& tree, Seq after) {
  const auto& log = tree.log();
  const auto first =
      std::upper_bound(log.begin(), log.end(), after,
                       [](Seq seq, const Change& change) { return seq < change.seq; });
  for (auto at = static_cast<std::size_t>(first - log.begin()); at < log.size();) {
    const std::size_t end = std::min(log.size(), at + kBacklogItemChanges);
    if (!offer_changes(sink, tree.volume().id, log, at, end)) return false;
    at = end;
  }
  return sink.offer(mark_of(tree.volume()));
}

bool concerns(const Change& change, std::optional<Inode> inode) {
  return !inode || change.node.inode == *inode || (change.other && change.other->inode == *inode);
}

// Whether a name went from the directory that is asked for.
bool went_from(const Change& change, const HistoryQuery& query) {
  return change.before && change.before->parent == *query.removed_from &&
         (query.removed_name.empty() || change.before->name == query.removed_name);
}

bool is_by(const Origin& origin, const HistoryQuery& query) {
  return (!query.session || origin.session == query.session) &&
         (!query.op || origin.op == query.op) &&
         (query.principal.empty() || origin.principal == query.principal);
}

Error past_gone(Seq asked, Seq pruned) {
  return refuse(Code::history_gone, to_string(asked),
                "the log begins behind seq " + to_string(pruned) + ", not as far back as " +
                    to_string(asked) + ": what was before is no longer known");
}

Content slice(const MemoryContent& kept, std::uint64_t offset, std::size_t size) {
  Content content{kept.info.version, kept.info.size, {}};
  if (offset < kept.bytes->size()) content.bytes = kept.bytes->substr(offset, size);
  return content;
}

}  // namespace

// Lives in the list of its shelf; leaves it under the store's lock.
class MemoryStore::Watch final : public Subscription {
 public:
  Watch(MemoryStore& store, VolumeId volume, ClientId client, std::shared_ptr<FeedSink> sink,
        Seq after)
      : store_(store), volume_(volume), client_(client), sink_(std::move(sink)) {
    if (sink_->shows()) mount_ = store_.acks_.join(volume_, after, sink_->remembers());
  }
  ~Watch() override {
    if (mount_ != 0) store_.acks_.leave(volume_, mount_, std::chrono::steady_clock::now());
    const Lock lock(store_.mutex_);
    auto shelf = store_.shelf(volume_);
    if (!shelf) return;
    (*shelf)->watchers.remove(sink_);
    (*shelf)->locks.detach(client_, store_.clock_.now());
  }
  void acknowledge(Seq seq, bool remembers) override {
    if (mount_ != 0) store_.acks_.acknowledge(volume_, mount_, seq, remembers);
  }
  void set_frozen(bool frozen) override {
    if (mount_ != 0) store_.acks_.set_frozen(volume_, mount_, frozen);
  }

 private:
  MemoryStore& store_;
  const VolumeId volume_;
  const ClientId client_;
  const std::shared_ptr<FeedSink> sink_;
  MountAcks::Key mount_ = 0;  // 0: it shows nothing
};

MemoryStore::MemoryStore(const Clock& clock, const ContentRules* rules)
    : clock_(clock), rules_(rules != nullptr ? *rules : no_rules_) {}
MemoryStore::~MemoryStore() = default;

VolumeId MemoryStore::add_volume(std::string name, const VolumeSettings& settings,
                                 std::uint64_t organisation) {
  const Lock lock(mutex_);
  Volume volume;
  volume.id = VolumeId{shelves_.size() + 1};
  volume.organisation = organisation;
  volume.name = std::move(name);
  take_settings(volume, settings);
  const VolumeId id = volume.id;
  acks_.set_strict(id, volume.strict);
  shelves_.emplace(id, std::make_unique<Shelf>(std::move(volume), clock_.wall()));
  return id;
}

void MemoryStore::change_volume(VolumeId id, const VolumeSettings& settings) {
  Seq head;
  {
    const Lock lock(mutex_);
    auto found = shelf(id);
    CHECK(found);
    (*found)->tree.change_settings(settings);
    const Volume& volume = (*found)->tree.volume();
    acks_.set_strict(id, volume.strict);
    head = volume.head;
    for (const auto& sink : (*found)->watchers) sink->offer(mark_of(volume));
  }
  if (settings.strict) acks_.wait(id, head, std::chrono::steady_clock::now() + kStrictLease);
}

void MemoryStore::forget(VolumeId volume, Seq upto) {
  const Lock lock(mutex_);
  auto found = shelf(volume);
  CHECK(found);
  (*found)->tree.prune(upto);
}

Result<MemoryStore::Shelf*> MemoryStore::shelf(VolumeId volume) {
  const auto found = shelves_.find(volume);
  if (found != shelves_.end()) return found->second.get();
  return refuse(Code::not_found, to_string(volume), "there is no volume " + to_string(volume));
}

Result<MemoryStore::Shelf*> MemoryStore::reach(const Call& call, VolumeId volume,
                                               const ReadAt& at) {
  auto found = shelf(volume);
  if (!found) return found;
  if (at.revision) {
    return refuse(Code::unsupported, *at.revision,
                  "published revisions are not built yet: read the head");
  }
  const MemoryVolume& tree = (*found)->tree;
  const Seq least = std::max(at.at_least, at.as_of.value_or(Seq{}));
  while (tree.volume().head < least) {
    if (advanced_.wait_until(mutex_, call.deadline)) continue;
    if (tree.volume().head >= least) break;
    return refuse(Code::timed_out, to_string(least),
                  "the volume is at seq " + to_string(tree.volume().head) + " and did not reach " +
                      to_string(least) + " in time");
  }
  if (at.as_of && at.as_of->value + 1 < tree.oldest().value) {
    return past_gone(*at.as_of, Seq{tree.oldest().value - 1});
  }
  return found;
}

Result<MemoryStore::TreeAt> MemoryStore::tree_at(const Call& call, VolumeId volume,
                                                 const ReadAt& at) {
  auto found = reach(call, volume, at);
  if (!found) return found.error();
  const MemoryVolume& now = (*found)->tree;
  if (!at.as_of) return TreeAt{now, {}, now.volume().head};
  return TreeAt{now, now.as_of(*at.as_of), *at.as_of};
}

Result<Volume> MemoryStore::open_volume(const Call&, std::string_view name) {
  const Lock lock(mutex_);
  for (const auto& [id, shelf] : shelves_) {
    if (shelf->tree.volume().name == name) return shelf->tree.volume();
  }
  return refuse(Code::not_found, std::string(name), "there is no volume " + std::string(name));
}

Result<Volume> MemoryStore::describe(const Call&, VolumeId volume) {
  const Lock lock(mutex_);
  auto found = shelf(volume);
  if (!found) return found.error();
  return (*found)->tree.volume();
}

Result<Applied> MemoryStore::apply(const Call& call, VolumeId volume, const Batch& batch) {
  auto applied = apply_once(call, volume, batch);
  if (!applied || !applied->last || !acks_.is_strict(volume)) return applied;
  acks_.wait(volume, applied->last, std::chrono::steady_clock::now() + kStrictLease);
  return applied;
}

Status MemoryStore::settle(const Call& call, VolumeId volume, Seq seq) {
  if (!acks_.is_strict(volume)) return success();
  const Moment lapse = std::chrono::steady_clock::now() + kStrictLease;
  if (acks_.wait(volume, seq, std::min(lapse, call.deadline)) || lapse <= call.deadline) {
    return success();
  }
  return not_settled(seq);
}

Result<Applied> MemoryStore::apply_once(const Call& call, VolumeId volume, const Batch& batch) {
  if (auto good = check_batch(batch); !good) return good.error();
  const Lock lock(mutex_);
  auto found = shelf(volume);
  if (!found) return found.error();
  Shelf& shelf = **found;
  if (!batch.request.client) return commit(call, shelf, batch);
  Requests& requests = shelf.requests[batch.request.client];
  const std::uint64_t number = batch.request.number;
  if (const auto known = requests.answers.find(number); known != requests.answers.end()) {
    Applied again = known->second;
    again.repeated = true;
    return again;
  }
  if (number <= requests.forgotten) {
    return refuse(Code::invalid, std::to_string(number),
                  "request " + std::to_string(number) + " was acknowledged, or is over " +
                      std::to_string(kRequestWindow) + " behind: use a new number");
  }
  auto applied = commit(call, shelf, batch);
  if (!applied) return applied;
  requests.answers.emplace(number, *applied);
  requests.forgotten = std::max(requests.forgotten, batch.acknowledged);
  const std::uint64_t newest = requests.answers.rbegin()->first;
  if (newest > kRequestWindow) {
    requests.forgotten = std::max(requests.forgotten, newest - kRequestWindow);
  }
  requests.answers.erase(requests.answers.begin(),
                         requests.answers.upper_bound(requests.forgotten));
  return applied;
}

Result<Applied> MemoryStore::commit(const Call& call, Shelf& shelf, const Batch& batch) {
  WorkingSet set(shelf.tree, shelf.tree.volume(), clock_.wall());
  const Scope scope = Scope::of(call.caller, shelf.tree.volume().id);
  auto applied = apply_batch(set, origin_of(call.caller, batch.request), batch, scope, rules_);
  if (!applied || set.empty()) return applied;
  shelf.tree.absorb(set);
  publish(shelf, set.changes());
  advanced_.notify_all();
  return applied;
}

void MemoryStore::publish(Shelf& shelf, const std::vector<Change>& changes) {
  const VolumeId volume = shelf.tree.volume().id;
  shelf.watchers.remove_if([&](const std::shared_ptr<FeedSink>& sink) {
    if (offer_changes(*sink, volume, changes, 0, changes.size())) return false;
    end_feed(*sink, volume, Seq{changes.front().seq.value - 1}, FeedEnd::too_slow);
    return true;
  });
}

Result<At<Entry>> MemoryStore::lookup(const Call& call, VolumeId volume, const NameRef& name,
                                      const ReadAt& at) {
  const Lock lock(mutex_);
  auto found = tree_at(call, volume, at);
  if (!found) return found.error();
  auto entry = found->tree().entry_at(name);
  if (!entry) return entry.error();
  return At<Entry>{std::move(*entry), found->seq};
}

Result<At<Node>> MemoryStore::attributes(const Call& call, VolumeId volume, const NodeRef& node,
                                         const ReadAt& at) {
  const Lock lock(mutex_);
  auto found = tree_at(call, volume, at);
  if (!found) return found.error();
  auto inode = found->tree().resolve(node);
  if (!inode) return inode.error();
  return At<Node>{*found->tree().find_node(*inode), found->seq};
}

Result<At<Page>> MemoryStore::list(const Call& call, VolumeId volume, const NodeRef& directory,
                                   std::string_view after, std::uint32_t limit, const ReadAt& at) {
  const Lock lock(mutex_);
  auto found = tree_at(call, volume, at);
  if (!found) return found.error();
  const MemoryTree& tree = found->tree();
  auto inode = tree.resolve(directory);
  if (!inode) return inode.error();
  const Node* node = tree.find_node(*inode);
  if (node->removed()) {
    return refuse(Code::not_found, to_string(*inode), "the directory was removed");
  }
  if (!node->is(Kind::directory)) {
    return refuse(Code::not_directory, to_string(*inode),
                  "inode " + to_string(*inode) + " is no directory: it has no names to list");
  }
  return At<Page>{tree.page(*inode, after, limit), found->seq};
}

Result<At<Content>> MemoryStore::read(const Call&, VolumeId volume, Inode inode, Version version,
                                      std::uint64_t offset, std::size_t size) {
  if (size > kReadBytesMax) {
    return refuse(Code::invalid, std::to_string(size),
                  "one read answers at most " + std::to_string(kReadBytesMax) +
                      " bytes: ask for the rest in further ones, at the same version");
  }
  const Lock lock(mutex_);
  auto found = shelf(volume);
  if (!found) return found.error();
  auto kept = (*found)->tree.content(inode, version);
  if (!kept) return kept.error();
  return At<Content>{slice(**kept, offset, size), (*found)->tree.volume().head};
}

Result<At<std::vector<Result<Content>>>> MemoryStore::read_many(
    const Call&, VolumeId volume, const std::vector<ContentKey>& keys) {
  if (keys.size() > kReadManyMax) {
    return refuse(Code::invalid, std::to_string(keys.size()),
                  "read_many takes at most " + std::to_string(kReadManyMax) + " files: ask twice");
  }
  const Lock lock(mutex_);
  auto found = shelf(volume);
  if (!found) return found.error();
  At<std::vector<Result<Content>>> answer{{}, (*found)->tree.volume().head};
  for (const ContentKey& key : keys) {
    auto kept = (*found)->tree.content(key.inode, key.version);
    if (kept) {
      answer.value.emplace_back(slice(**kept, 0, (*kept)->bytes->size()));
    } else {
      answer.value.emplace_back(kept.error());
    }
  }
  return answer;
}

Result<At<Xattrs>> MemoryStore::xattrs(const Call& call, VolumeId volume, Inode inode,
                                       const ReadAt& at) {
  const Lock lock(mutex_);
  auto found = tree_at(call, volume, at);
  if (!found) return found.error();
  auto known = found->tree().resolve(inode);
  if (!known) return known.error();
  auto xattrs = found->now.xattrs_as_of(inode, found->seq);
  if (!xattrs) return xattrs.error();
  return At<Xattrs>{*std::move(xattrs), found->seq};
}

Result<At<std::vector<std::vector<std::string>>>> MemoryStore::paths(
    const Call& call, VolumeId volume, const std::vector<Inode>& inodes, const ReadAt& at) {
  const Lock lock(mutex_);
  auto found = tree_at(call, volume, at);
  if (!found) return found.error();
  At<std::vector<std::vector<std::string>>> answer{{}, found->seq};
  for (const Inode inode : inodes) {
    answer.value.push_back(found->now.paths(found->tree(), inode, found->seq));
  }
  return answer;
}

Result<At<std::vector<Change>>> MemoryStore::history(const Call&, VolumeId volume,
                                                     const HistoryQuery& query) {
  const Lock lock(mutex_);
  auto found = shelf(volume);
  if (!found) return found.error();
  const MemoryVolume& tree = (*found)->tree;
  std::optional<Inode> inode;
  if (query.node && !query.removed_from) {
    auto resolved = tree.now().resolve(*query.node);
    if (!resolved) return resolved.error();
    inode = *resolved;
  }
  At<std::vector<Change>> answer{{}, tree.volume().head};
  std::size_t looked_at = 0;
  const auto take = [&](const Change& change) {
    if (answer.value.size() >= std::min(query.limit, kPageEntriesMax)) return;
    if (change.seq <= query.after || (query.before && change.seq >= query.before)) return;
    if (query.removed_from) {
      if (!went_from(change, query) || ++looked_at > kRemovalsLookedAt) return;
      if (change.kind != ChangeKind::unlink) return;
    }
    if (concerns(change, inode) && is_by(change.origin, query)) answer.value.push_back(change);
  };
  if (query.newest_first || query.removed_from) {
    std::for_each(tree.log().rbegin(), tree.log().rend(), take);
  } else {
    std::for_each(tree.log().begin(), tree.log().end(), take);
  }
  return answer;
}

Result<At<std::vector<VersionInfo>>> MemoryStore::versions(const Call&, VolumeId volume,
                                                           const NodeRef& node) {
  const Lock lock(mutex_);
  auto found = shelf(volume);
  if (!found) return found.error();
  auto inode = (*found)->tree.now().resolve(node);
  if (!inode) return inode.error();
  return At<std::vector<VersionInfo>>{(*found)->tree.versions(*inode),
                                      (*found)->tree.volume().head};
}

Result<Seq> MemoryStore::snapshot(const Call& call, VolumeId volume, const SnapshotQuery& query,
                                  const std::function<void(SnapshotPart)>& take) {
  std::vector<SnapshotPart> parts;
  Seq seq;
  {
    const Lock lock(mutex_);
    auto found = tree_at(call, volume, query.at);
    if (!found) return found.error();
    seq = found->seq;
    std::uint64_t left = std::min(query.bodies_bytes_max, kSnapshotBodiesBytesMax);
    std::set<Inode> sent;
    for (Entry& entry : found->tree().entries()) {
      if (parts.empty() || parts.back().entries.size() == kPageEntriesMax) parts.emplace_back();
      const Node& node = entry.node;
      const std::uint64_t size = node.attributes.size;
      if (node.is(Kind::file) && size <= std::min<std::uint64_t>(left, kSnapshotBodyBytesMax) &&
          left > 0 && sent.insert(node.inode).second) {
        auto kept = found->now.content(node.inode, node.version);
        if (!kept) {  // of an old version: gone, or redacted
          parts.back().entries.push_back(std::move(entry));
          continue;
        }
        left -= size;
        parts.back().bodies.emplace_back(ContentKey{node.inode, node.version}, *(*kept)->bytes);
      }
      parts.back().entries.push_back(std::move(entry));
    }
  }
  PartFilter filter(query.within);
  for (SnapshotPart& part : parts) {
    filter.apply(part);
    take(std::move(part));
  }
  return seq;
}

Result<std::unique_ptr<Subscription>> MemoryStore::subscribe(const Call& call, VolumeId volume,
                                                             Seq after,
                                                             std::shared_ptr<FeedSink> sink) {
  const Lock lock(mutex_);
  auto found = shelf(volume);
  if (!found) return found.error();
  const MemoryVolume& tree = (*found)->tree;
  if (after.value + 1 < tree.oldest().value || after > tree.volume().head) {
    return refuse(Code::history_gone, to_string(after),
                  "the log reaches from seq " + to_string(tree.oldest()) + " to " +
                      to_string(tree.volume().head) + ", not back to " + to_string(after) +
                      ": take a snapshot, then subscribe at its seq");
  }
  if (offer_backlog(*sink, tree, after)) {
    (*found)->watchers.push_back(sink);
  } else {
    end_feed(*sink, volume, after, FeedEnd::too_slow);
  }
  (*found)->locks.attach(call.caller.client);
  return std::unique_ptr<Subscription>(
      std::make_unique<Watch>(*this, volume, call.caller.client, std::move(sink), after));
}

}  // namespace outboard
