// Opening a volume, and the verbs that the tree answers alone.
#include "fusefs/volume/volume.h"

#include <algorithm>

#include "core/log.h"
#include "core/path.h"
#include "fusefs/volume/request_scope.h"

namespace outboard::fusefs {

MountedVolume::MountedVolume(Store& store, RequestNumbers& numbers, Invalidator& invalidator,
                             const Clock& clock, const View& view, Volume volume)
    : store_(store),
      numbers_(numbers),
      invalidator_(invalidator),
      clock_(clock),
      view_(view),
      volume_(std::move(volume)),
      on_demand_(too_large(volume_)),
      mountpoints_(view, clock.wall()),
      blocks_(store, volume_.id, view.disk_cache),
      strict_(volume_.strict) {
  state_.used_bytes = volume_.used_bytes;
  state_.used_nodes = volume_.used_nodes;
  state_.quota_bytes = volume_.quota_bytes;
  state_.quota_nodes = volume_.quota_nodes;
  blocks_.on_cold([this](const VersionRef& version) { note_cold(version); });
}

Result<std::unique_ptr<MountedVolume>> MountedVolume::open(Store& store, RequestNumbers& numbers,
                                                           Invalidator& invalidator,
                                                           const Clock& clock,
                                                           std::string_view name, const View& view,
                                                           Moment deadline) {
  auto volume = store.open_volume(RequestScope::call(deadline), name);
  if (!volume) return std::move(volume).error();
  View shown = view;
  if (volume->read_only && !view.read_only) {
    log(Severity::warning, "the token may only read this volume; mounting it read-only",
        {{"volume", std::string(name)}});
    shown.read_only = true;
  }
  std::unique_ptr<MountedVolume> mounted(
      new MountedVolume(store, numbers, invalidator, clock, shown, *std::move(volume)));
  TreeCache tree;
  const auto loaded =
      mounted->on_demand_ ? mounted->begin(tree, deadline) : mounted->load(tree, deadline);
  if (!loaded) return loaded.error();
  Lock lock(mounted->mutex_);
  mounted->state_.posted = tree.seq();
  mounted->state_.tree = std::move(tree);
  mounted->state_.stale = mounted->strict_;  // until the feed is followed
  if (mounted->strict_) {
    mounted->state_.unsettled.begin(mounted->state_.tree.seq(), clock.now());
  }
  return mounted;
}

Status MountedVolume::load(TreeCache& tree, Moment deadline) {
  SnapshotQuery query;
  query.bodies_bytes_max =
      blocks_.has_bodies() ? 0 : std::min(kSnapshotBodiesBytesMax, kBlockCacheBytesMax / 2);
  std::string loaded;
  auto seq =
      store_.snapshot(RequestScope::call(deadline), volume_.id, query, [&](SnapshotPart part) {
        tree.load(part.entries);
        loaded = std::move(part.loaded);
        for (const auto& [key, bytes] : part.bodies) {
          const TreeNode* of = tree.find(key.inode);
          if (of != nullptr && of->node.version == key.version) {
            blocks_.put_body(version_of(of->node), bytes);
          }
        }
      });
  if (!seq) return std::move(seq).error();
  if (query.bodies_bytes_max > 0) blocks_.note_bodies();
  tree.loaded(*seq, std::move(loaded));
  return success();
}

const Node* MountedVolume::node_of(const Binding& binding) const {
  if (binding.pinned) return &*binding.pinned;
  const TreeNode* node = state_.tree.find(binding.inode);
  return node == nullptr ? nullptr : &node->node;
}

const Node* MountedVolume::node_of(NodeId id) const {
  const Binding* binding = state_.inodes.find(id);
  return binding == nullptr ? nullptr : node_of(*binding);
}

Shown MountedVolume::shown_of(const Binding& binding, const Node& node) const {
  Shown shown = show(view_, node, binding.id, binding.generation);
  shown.lasting = lasting();
  const auto file = state_.files.find(binding.id);
  if (file == state_.files.end()) return shown;
  shown.attributes.size = file->second.size(node.attributes.size);
  shown.settled = !file->second.dirty() && file->second.parcels.empty();
  const auto modified = file->second.modified_here();
  if (modified && !shown.settled) {
    shown.attributes.modified = *modified;
    shown.attributes.changed = std::max(shown.attributes.changed, *modified);
  }
  return shown;
}

Shown MountedVolume::look_up(Inode inode) {
  TreeNode* node = state_.tree.find(inode);
  const NodeId id = state_.inodes.look_up(inode, node->generation);
  const Binding& binding = *state_.inodes.find(id);
  node->generation = binding.generation;
  return shown_of(binding, node->node);
}

Result<Inode> MountedVolume::directory_of(NodeId id) const {
  if (HistoryTable::owns(id)) return past_is_fixed(id);
  if (Mountpoints::owns(id)) return is_mountpoint(to_string(id));
  const Node* node = node_of(id);
  if (node == nullptr || node->removed()) {
    return Error{Code::not_found, "the directory was removed", to_string(id)};
  }
  if (!node->is(Kind::directory)) {
    return Error{Code::not_directory, "only a directory has names in it", to_string(id)};
  }
  return node->inode;
}

Result<Inode> MountedVolume::inode_of(NodeId id) const {
  if (HistoryTable::owns(id)) return past_is_fixed(id);
  if (Mountpoints::owns(id)) return is_mountpoint(to_string(id));
  const Binding* binding = state_.inodes.find(id);
  if (binding == nullptr || node_of(*binding) == nullptr) {
    return Error{Code::conflict, "the file was replaced or removed: open it again", to_string(id)};
  }
  return binding->inode;
}

Result<Shown> MountedVolume::lookup(NodeId directory, std::string_view name) {
  if (name.size() > kNameBytesMax) {
    return Error{Code::name_too_long, "a name has at most 255 bytes", std::string(name)};
  }
  if (Mountpoints::owns(directory))
    return Error{Code::not_found, "no such name", std::string(name)};
  if (directory == kRootId) {
    if (const auto found = mountpoints_.find(name)) return *found;
  }
  if (auto current = prove_current(); !current) return std::move(current).error();
  if (HistoryTable::owns(directory) || (directory == kRootId && name == kHistoryName)) {
    if (auto settled = await_all_settled(); !settled) return std::move(settled).error();
    return lookup_history(directory, name);
  }
  const Moment deadline = read_deadline();
  const Stay stay(*this);
  for (;;) {
    Inode parent;
    Seq unsettled;
    {
      Lock lock(mutex_);
      const auto found = directory_of(directory);
      if (!found) return found.error();
      parent = *found;
      state_.tree.use(parent, ++state_.uses);
      const Child* child = state_.tree.child(parent, name);
      const bool known = child != nullptr || state_.tree.complete(parent);
      if (known) unsettled = state_.unsettled.of_name(parent, name);
      if (child != nullptr) {
        unsettled = std::max(unsettled, state_.unsettled.of_node(child->inode));
      }
      if (known && !unsettled) {
        if (child != nullptr) return look_up(child->inode);
        return Error{Code::not_found, "no such name", std::string(name)};
      }
    }
    const Status went_on = unsettled ? await_settled(unsettled, deadline) : know(parent, name);
    if (!went_on) return went_on.error();
  }
}

void MountedVolume::forget(NodeId node, std::uint64_t lookups) {
  if (Mountpoints::owns(node)) return;
  Lock lock(mutex_);
  if (HistoryTable::owns(node)) return state_.history.forget(node, lookups);
  state_.inodes.forget(node, lookups);
  drop_removed(node);
  drop_unlisted();
}

Result<std::vector<Listed>> MountedVolume::list(NodeId directory, std::uint64_t cookie,
                                                std::size_t limit, bool plus) {
  if (auto current = prove_current(); !current) return std::move(current).error();
  if (HistoryTable::owns(directory)) {
    if (auto settled = await_all_settled(); !settled) return std::move(settled).error();
    return list_history(directory, cookie, limit, plus);
  }
  if (Mountpoints::owns(directory)) return std::vector<Listed>{};  // another view covers it
  const Moment deadline = read_deadline();
  const Stay stay(*this);
  for (;;) {
    Inode parent;
    Seq unsettled;
    {
      Lock lock(mutex_);
      const auto found = directory_of(directory);
      if (!found) return std::vector<Listed>{};  // removed while open: empty, as on a local disk
      parent = *found;
      state_.tree.use(parent, ++state_.uses);
      const bool known = state_.tree.complete(parent);
      if (known) unsettled = state_.unsettled.of_names_in(parent);
      if (known && !unsettled) return list_here(directory, parent, cookie, limit, plus);
    }
    const Status went_on = unsettled ? await_settled(unsettled, deadline) : know(parent);
    if (!went_on) return went_on.error();
  }
}

std::vector<Listed> MountedVolume::list_here(NodeId directory, Inode inode, std::uint64_t cookie,
                                             std::size_t limit, bool plus) {
  std::vector<Listed> found;
  const auto bare = [&](const std::string& name, Inode of, std::uint64_t place) {
    const TreeNode* node = state_.tree.find(of);
    Node unknown;  // the directory above, of one that was moved to where nobody looks
    unknown.inode = of;
    unknown.kind = Kind::directory;
    Shown shown = show(view_, node == nullptr ? unknown : node->node, NodeId{},
                       node == nullptr ? 0 : node->generation);
    found.push_back({name, place, shown});
  };
  if (cookie < 1) bare(".", inode, 1);
  if (cookie < 2) bare("..", state_.tree.parent(inode), 2);
  const auto& places = state_.tree.find(inode)->children->places;
  auto next = places.upper_bound(cookie);
  for (; next != places.end() && found.size() < limit; ++next) {
    const Child& child = next->second;
    if (is_mountpoint_name({inode, child.name})) continue;
    const std::uint64_t place = cookie_of(places, next, cookie);
    if (plus) {
      found.push_back({child.name, place, look_up(child.inode)});
    } else {
      bare(child.name, child.inode, place);
    }
  }
  if (directory != kRootId || next != places.end()) return found;
  for (const auto& [name, shown] : mountpoints_.all()) {
    if (found.size() == limit) break;
    if (shown.id.value > cookie) found.push_back({name, shown.id.value, shown});
  }
  return found;
}

Space MountedVolume::space() {
  constexpr std::uint64_t kUnlimited = 1ULL << 50U;  // what df shows where there is no quota
  constexpr std::chrono::seconds kWait{1};           // a df of all mounts must not hang at ours
  const Moment deadline = std::min(read_deadline(), clock_.now() + kWait);
  auto asked = store_.describe(RequestScope::call(deadline), volume_.id);
  Lock lock(mutex_);
  if (asked) {
    state_.used_bytes = asked->used_bytes;
    state_.used_nodes = asked->used_nodes;
    state_.quota_bytes = asked->quota_bytes;
    state_.quota_nodes = asked->quota_nodes;
  }
  const bool counted = !asked && state_.tree.whole();  // newer than what the store last said
  const std::uint64_t used = counted ? state_.tree.content_bytes() : state_.used_bytes;
  const std::uint64_t nodes = counted ? state_.tree.nodes() : state_.used_nodes;
  Space space;
  space.bytes = state_.quota_bytes > 0 ? state_.quota_bytes : kUnlimited;
  space.bytes_free = space.bytes - std::min(space.bytes, used);
  space.nodes = state_.quota_nodes > 0 ? state_.quota_nodes : kUnlimited;
  space.nodes_free = space.nodes - std::min(space.nodes, nodes);
  return space;
}

Seq MountedVolume::seq() const {
  Lock lock(mutex_);
  return state_.tree.seq();
}

std::string MountedVolume::loaded() const {
  Lock lock(mutex_);
  return state_.tree.part();
}

bool MountedVolume::wait_for_change(Moment deadline) const {
  if (RequestScope::given_up()) return false;
  return changed_.wait_until(mutex_, deadline);
}

void MountedVolume::wake_waiting() {
  Lock lock(mutex_);
  changed_.notify_all();
}

Seq MountedVolume::head() const {
  Lock lock(mutex_);
  return state_.tree.ahead();
}

void MountedVolume::set_stale(bool stale) {
  Lock lock(mutex_);
  state_.stale = stale;
  changed_.notify_all();
}

void MountedVolume::set_frozen(bool frozen) {
  Lock lock(mutex_);
  state_.frozen = frozen;
  state_.current_until = {};
}

bool MountedVolume::frozen() const {
  Lock lock(mutex_);
  return state_.frozen;
}

bool MountedVolume::stale() const {
  if (doubtful_ || (connected_ && !connected_())) return true;
  Lock lock(mutex_);
  return state_.stale;
}

bool MountedVolume::wait_until(Seq seq, Moment deadline) {
  {
    Lock lock(mutex_);
    while (state_.posted < seq) {
      if (!wait_for_change(deadline) && state_.posted < seq) return false;
    }
  }
  return invalidator_.flushed(deadline);
}

}  // namespace outboard::fusefs
