#include "cli/remote_tree.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "core/limits.h"
#include "core/path.h"

namespace outboard::cli {
namespace {

bool wanted(std::string_view path, const std::vector<std::string>& roots) {
  return std::any_of(roots.begin(), roots.end(),
                     [&](const std::string& root) { return is_within(path, root); });
}

Result<RemoteTree> by_snapshot(Context& context, Store& store, VolumeId volume,
                               const std::vector<std::string>& roots) {
  RemoteTree tree;
  std::unordered_map<Inode, std::string> directories;
  SnapshotQuery query;
  query.bodies_bytes_max = 0;
  auto seq = store.snapshot(context.call(), volume, query, [&](const SnapshotPart& part) {
    for (const Entry& entry : part.entries) {
      const auto parent = directories.find(entry.dentry.parent);
      const bool root = entry.node.inode == kRootInode;
      if (!root && parent == directories.end()) continue;
      std::string path = root ? "/" : join(parent->second, entry.dentry.name);
      if (wanted(path, roots)) tree.nodes.insert_or_assign(path, entry.node);
      if (entry.node.is(Kind::directory)) directories.emplace(entry.node.inode, std::move(path));
    }
  });
  if (!seq) return seq.error();
  tree.seq = *seq;
  return tree;
}

Status list_below(Context& context, Store& store, VolumeId volume, const std::string& directory,
                  RemoteTree& tree) {
  std::string after;
  std::vector<std::string> below;
  do {
    auto page = store.list(context.call(), volume, NodeRef{directory}, after, kPageEntriesMax);
    if (!page) return page.error().code == Code::not_found ? success() : Status(page.error());
    tree.seq = std::max(tree.seq, page->seq);
    for (const Entry& entry : page->value.entries) {
      const std::string path = join(directory, entry.dentry.name);
      tree.nodes.insert_or_assign(path, entry.node);
      if (entry.node.is(Kind::directory)) below.push_back(path);
    }
    after = page->value.next;
  } while (!after.empty());
  for (const std::string& path : below) {
    if (auto listed = list_below(context, store, volume, path, tree); !listed) return listed;
  }
  return success();
}

Result<RemoteTree> by_listing(Context& context, Store& store, VolumeId volume,
                              const std::vector<std::string>& roots) {
  RemoteTree tree;
  for (const std::string& root : roots) {
    auto node = store.attributes(context.call(), volume, NodeRef{root});
    if (!node && node.error().code == Code::not_found) continue;
    if (!node) return node.error();
    tree.seq = std::max(tree.seq, node->seq);
    tree.nodes.insert_or_assign(root, node->value);
    if (!node->value.is(Kind::directory)) continue;
    if (auto listed = list_below(context, store, volume, root, tree); !listed) {
      return listed.error();
    }
  }
  return tree;
}

}  // namespace

Result<RemoteTree> read_tree(Context& context, Store& store, const Volume& volume,
                             const std::vector<std::string>& roots, std::size_t directories) {
  const bool all = std::find(roots.begin(), roots.end(), "/") != roots.end();
  // One page of a snapshot costs about what one listing does.
  if (all || volume.used_nodes / kPageEntriesMax <= directories) {
    return by_snapshot(context, store, volume.id, roots);
  }
  return by_listing(context, store, volume.id, roots);
}

Status read_content(Context& context, Store& store, VolumeId volume, const Node& node,
                    const std::function<Status(std::string_view)>& take) {
  std::uint64_t offset = 0;
  std::uint64_t size = node.attributes.size;
  while (offset < size) {
    auto part = store.read(context.call(), volume, node.inode, node.version, offset, kReadBytesMax);
    if (!part) return part.error();
    if (part->value.bytes.empty()) {
      return Error{Code::corrupt,
                   "the content ended at byte " + std::to_string(offset) + " of " +
                       std::to_string(size) + ": run `outboard log` on the file",
                   ""};
    }
    size = part->value.size;
    offset += part->value.bytes.size();
    if (auto taken = take(part->value.bytes); !taken) return taken;
  }
  return success();
}

Result<bool> has_content(Context& context, Store& store, VolumeId volume, const Node& node,
                         std::uint64_t size, const Sha256& digest) {
  if (node.digest) return *node.digest == digest;
  if (node.attributes.size != size) return false;
  std::string bytes;
  bytes.reserve(size);
  auto read = read_content(context, store, volume, node, [&](std::string_view part) {
    bytes += part;
    return success();
  });
  if (!read) return read.error();
  return sha256(bytes) == digest;
}

}  // namespace outboard::cli
