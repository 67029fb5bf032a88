// `.history`: what was, as files. [S11]
#include <algorithm>

#include "core/path.h"
#include "fusefs/volume/request_scope.h"
#include "fusefs/volume/volume.h"

namespace outboard::fusefs {
namespace {

// Entries asked of the store at once.
constexpr std::uint32_t kPastPage = 1'000;
constexpr std::uint64_t kFirstCookie = 3;  // 1 and 2 are "." and ".."
// Behind all names that stand: the first that was removed.
constexpr std::uint64_t kRemovedCookie = 1ULL << 61U;

Error no_longer(NodeId id) {
  return Error{Code::conflict, "this view of the past was let go: look it up again", to_string(id)};
}

Error no_name(std::string_view name) {
  return Error{Code::not_found, "no such name in the history", std::string(name)};
}

HistoryKey key_then(const Node& node, Seq as_of) {
  if (node.is(Kind::file)) return {HistoryShape::bytes, node.inode, node.version, as_of};
  return {HistoryShape::past, node.inode, {}, as_of};
}

}  // namespace

Shown MountedVolume::shown_past(const HistoryRow& row) const {
  Shown shown = show(view_, row.node, row.id, 0);
  shown.ino = history_ino(row.key);
  shown.lasting = false;
  return shown;
}

HistoryRow& MountedVolume::look_up_now(Inode inode, std::string_view name) {
  const Node& node = state_.tree.find(inode)->node;
  HistoryRow& row = state_.history.look_up({shape_now(node), inode, {}, state_.tree.ahead()}, node);
  row.name = name;
  return row;
}

HistoryRow& MountedVolume::look_up_version(const HistoryRow& of, const VersionInfo& version) {
  Node node = of.node;
  node.kind = Kind::file;
  if (const TreeNode* now = state_.tree.find(of.key.inode)) node.attributes = now->node.attributes;
  node.version = version.version;
  node.digest = version.digest;
  node.attributes.size = version.size;
  node.attributes.links = 1;
  node.attributes.modified = node.attributes.changed = node.attributes.accessed = version.at;
  HistoryRow& row =
      state_.history.look_up({HistoryShape::bytes, of.key.inode, version.version, {}}, node);
  row.made = version;
  return row;
}

Result<Shown> MountedVolume::lookup_history(NodeId directory, std::string_view name) {
  const Stay stay(*this);
  HistoryKey key;
  for (bool here = false; !here;) {
    auto known = know_listed(directory);
    if (!known) return std::move(known).error();
    Lock lock(mutex_);
    if (directory == kRootId) return shown_past(look_up_now(kRootInode, {}));
    const HistoryRow* row = state_.history.find(directory);
    if (row == nullptr) return no_longer(directory);
    here = is_known(*row, *known);
    if (!here) continue;
    key = row->key;
    if (key.shape == HistoryShape::names) {
      const Child* child = state_.tree.child(key.inode, name);
      if (child != nullptr && has_history(state_.tree.find(child->inode)->node)) {
        return shown_past(look_up_now(child->inode, name));
      }
      if (child != nullptr) return no_name(name);
    }
  }
  const bool moment = key.inode == kRootInode && past_of(name);
  switch (key.shape) {
    case HistoryShape::names: return moment ? lookup_moment(name) : lookup_removed(key, name);
    case HistoryShape::versions: return lookup_version(directory, name);
    case HistoryShape::past: return lookup_past(key, name);
    case HistoryShape::bytes: break;
  }
  return Error{Code::not_directory, "a version has no names in it", std::string(name)};
}

Result<bool> MountedVolume::know_listed(NodeId directory) {
  Inode inode;
  {
    Lock lock(mutex_);
    const HistoryRow* row = state_.history.find(directory);
    if (row == nullptr || row->key.shape != HistoryShape::names) return false;
    inode = row->key.inode;
  }
  auto known = know(inode);
  if (known) return true;
  if (known.error().code == Code::not_found) return false;  // it was removed
  return std::move(known).error();
}

bool MountedVolume::is_known(const HistoryRow& row, bool known) const {
  return !known || state_.tree.complete(row.key.inode);
}

Result<Shown> MountedVolume::lookup_moment(std::string_view name) {
  const auto as_of = past_of(name);
  if (!as_of || *as_of > head()) return no_name(name);
  ReadAt at;
  at.as_of = *as_of;
  auto root =
      store_.attributes(RequestScope::call(read_deadline()), volume_.id, NodeRef{kRootInode}, at);
  if (!root && root.error().code == Code::history_gone) return no_name(name);
  if (!root) return std::move(root).error();
  Lock lock(mutex_);
  return shown_past(
      state_.history.look_up({HistoryShape::past, kRootInode, {}, *as_of}, std::move(root->value)));
}

Result<Shown> MountedVolume::lookup_version(NodeId directory, std::string_view name) {
  const auto versions = versions_shown(directory);
  if (!versions) return versions.error();
  const auto found =
      std::ranges::find(**versions, name, [](const auto& version) { return version.first; });
  if (found == (*versions)->end()) return no_name(name);
  Lock lock(mutex_);
  const HistoryRow* row = state_.history.find(directory);
  if (row == nullptr) return no_longer(directory);
  return shown_past(look_up_version(*row, found->second));
}

Result<Shown> MountedVolume::lookup_past(const HistoryKey& directory, std::string_view name) {
  ReadAt at;
  at.as_of = directory.as_of;
  auto entry = store_.lookup(RequestScope::call(read_deadline()), volume_.id,
                             NameRef{directory.inode, std::string(name)}, at);
  if (!entry) return std::move(entry).error();
  Lock lock(mutex_);
  Node& node = entry->value.node;
  return shown_past(state_.history.look_up(key_then(node, directory.as_of), std::move(node)));
}

// One question for each id, however often it is listed and looked into.
Result<NamedVersions> MountedVolume::versions_shown(NodeId directory) {
  HistoryKey key;
  std::string file;
  {
    Lock lock(mutex_);
    const HistoryRow* row = state_.history.find(directory);
    if (row == nullptr) return no_longer(directory);
    if (row->versions) return row->versions;
    key = row->key;
    const auto name = state_.tree.name_of(key.inode);
    file = name ? name->name : row->name;
  }
  auto asked = store_.versions(RequestScope::call(read_deadline()), volume_.id, key.inode);
  if (!asked) return std::move(asked).error();
  auto shown = std::make_shared<std::vector<NamedVersion>>();
  for (auto version = asked->value.rbegin(); version != asked->value.rend(); ++version) {
    if (version->redacted || version->seq > key.as_of) continue;
    shown->emplace_back(version_name(*version, file), *version);
  }
  Lock lock(mutex_);
  if (HistoryRow* row = state_.history.find(directory)) row->versions = shown;
  return NamedVersions(std::move(shown));
}

Status MountedVolume::load_past(NodeId directory, std::uint64_t upto) {
  for (;;) {
    HistoryKey key;
    std::string after;
    {
      Lock lock(mutex_);
      const HistoryRow* row = state_.history.find(directory);
      if (row == nullptr) return no_longer(directory);
      if (!row->listed_to || row->listed.size() >= upto) return success();
      key = row->key;
      after = *row->listed_to;
    }
    ReadAt at;
    at.as_of = key.as_of;
    auto page = store_.list(RequestScope::call(read_deadline()), volume_.id, key.inode, after,
                            kPastPage, at);
    if (!page) return std::move(page).error();
    Lock lock(mutex_);
    HistoryRow* row = state_.history.find(directory);
    if (row == nullptr) return no_longer(directory);
    if (row->listed_to != after) continue;  // another listed on meanwhile
    std::ranges::move(page->value.entries, std::back_inserter(row->listed));
    row->listed_to.reset();
    if (!page->value.next.empty()) row->listed_to = std::move(page->value.next);
  }
}

void MountedVolume::add_past(std::vector<Listed>& found, const std::string& name,
                             std::uint64_t place, const HistoryRow& looked_up, bool plus) {
  Shown shown = shown_past(looked_up);
  if (!plus) {
    state_.history.forget(looked_up.id, 1);
    shown.id = {};
  }
  found.push_back({name, place, shown});
}

void MountedVolume::list_names(const HistoryRow& row, std::uint64_t cookie, std::size_t limit,
                               bool plus, std::vector<Listed>& found) {
  const Seq as_of = row.key.as_of;
  const RemovedNames removed = row.removed;
  const Inode inode = row.key.inode;
  const TreeNode* now = state_.tree.find(inode);
  if (now != nullptr && now->children) {
    const Places& places = now->children->places;
    auto next = places.upper_bound(cookie);
    for (; next != places.end() && found.size() < limit; ++next) {
      const auto& [name, child] = next->second;
      if (!has_history(state_.tree.find(child)->node)) continue;
      add_past(found, name, cookie_of(places, next, cookie), look_up_now(child, name), plus);
    }
  }
  for (std::size_t i = cookie < kRemovedCookie ? 0 : cookie - kRemovedCookie + 1;
       removed && i < removed->size() && found.size() < limit; ++i) {
    const RemovedName& gone = (*removed)[i];
    // Another stands there by now.
    if (state_.tree.child(inode, gone.first) != nullptr) continue;
    add_past(found, gone.first, kRemovedCookie + i, look_up_removed(gone, as_of), plus);
  }
}

Status MountedVolume::load_listed(NodeId directory, std::uint64_t upto) {
  HistoryShape shape{};
  {
    Lock lock(mutex_);
    const HistoryRow* row = state_.history.find(directory);
    if (row == nullptr) return no_longer(directory);
    shape = row->key.shape;
  }
  if (shape == HistoryShape::versions) {
    if (auto versions = versions_shown(directory); !versions) return std::move(versions).error();
  }
  if (shape == HistoryShape::past) return load_past(directory, upto);
  if (shape == HistoryShape::names) return load_removed(directory);
  return success();
}

Result<std::vector<Listed>> MountedVolume::list_history(NodeId directory, std::uint64_t cookie,
                                                        std::size_t limit, bool plus) {
  const Stay stay(*this);
  if (auto loaded = load_listed(directory, cookie + limit); !loaded) return loaded.error();
  for (;;) {
    auto known = know_listed(directory);
    if (!known) return std::move(known).error();
    Lock lock(mutex_);
    const HistoryRow* row = state_.history.find(directory);
    if (row == nullptr) return no_longer(directory);
    if (is_known(*row, *known)) return list_past(*row, cookie, limit, plus);
  }
}

std::vector<Listed> MountedVolume::list_past(const HistoryRow& row, std::uint64_t cookie,
                                             std::size_t limit, bool plus) {
  std::vector<Listed> found;
  for (const std::uint64_t place : {1, 2}) {
    if (cookie >= place) continue;
    Shown self = shown_past(row);
    self.id = {};
    found.push_back({place == 1 ? "." : "..", place, self});
  }
  if (row.key.shape == HistoryShape::names) {
    list_names(row, cookie, limit, plus, found);
    return found;
  }
  const NamedVersions versions = row.versions;
  const std::vector<Entry>& listed = row.listed;
  const std::size_t size = versions ? versions->size() : listed.size();
  const Seq as_of = row.key.as_of;
  for (std::size_t i = std::max(cookie + 1, kFirstCookie) - kFirstCookie;
       i < size && found.size() < limit; ++i) {
    if (versions) {
      const auto& [name, version] = (*versions)[i];
      add_past(found, name, i + kFirstCookie, look_up_version(row, version), plus);
    } else {
      const auto& [dentry, node] = listed[i];
      add_past(found, dentry.name, i + kFirstCookie,
               state_.history.look_up(key_then(node, as_of), node), plus);
    }
  }
  return found;
}

Result<Shown> MountedVolume::attributes_past(NodeId node) {
  Lock lock(mutex_);
  const HistoryRow* row = state_.history.find(node);
  if (row == nullptr) return no_longer(node);
  return shown_past(*row);
}

Result<std::string> MountedVolume::read_symlink_past(NodeId node) {
  Lock lock(mutex_);
  const HistoryRow* row = state_.history.find(node);
  if (row == nullptr) return no_longer(node);
  if (!row->node.is(Kind::symlink)) return Error{Code::invalid, "not a symlink", to_string(node)};
  return row->node.target;
}

}  // namespace outboard::fusefs
