#include "core/memory_tree.h"

#include <algorithm>

#include "core/limits.h"
#include "core/path.h"

namespace outboard {
namespace {

Error not_found(const std::string& what) {
  Error error;
  error.code = Code::not_found;
  error.message = "there is no " + what;
  error.subject = what;
  return error;
}

Error no_directory(const std::string& what) {
  Error error;
  error.code = Code::not_directory;
  error.message = what + " is no directory: nothing can be below it";
  error.subject = what;
  return error;
}

}  // namespace

MemoryTree MemoryTree::empty(Timestamp now) {
  StoredNode root;
  root.node.inode = kRootInode;
  root.node.kind = Kind::directory;
  root.node.attributes.mode = 0755;
  root.node.attributes.links = 2;
  root.node.attributes.accessed = now;
  root.node.attributes.modified = now;
  root.node.attributes.changed = now;
  MemoryTree tree;
  tree.nodes.emplace(kRootInode, std::move(root));
  return tree;
}

// ── Reading ──────────────────────────────────────────────────────────────────────────────────────

const Node* MemoryTree::find_node(Inode inode) const {
  const auto found = nodes.find(inode);
  return found == nodes.end() ? nullptr : &found->second.node;
}

Result<Inode> MemoryTree::walk(std::string_view path) const {
  Inode at = kRootInode;
  for (const std::string_view name : components_of(path)) {
    if (!nodes.at(at).node.is(Kind::directory)) return no_directory(std::string(path));
    const auto found = names.find(Dentry{at, std::string(name)});
    if (found == names.end()) return not_found(std::string(path));
    at = found->second;
  }
  return at;
}

Result<Inode> MemoryTree::resolve(const NodeRef& ref) const {
  if (const auto* path = std::get_if<std::string>(&ref)) {
    if (auto good = check_path(*path); !good) return good.error();
    return walk(*path);
  }
  const Inode inode = std::get<Inode>(ref);
  if (find_node(inode) == nullptr) return not_found("inode " + to_string(inode));
  return inode;
}

Result<Entry> MemoryTree::entry_at(const NameRef& name) const {
  if (name.name.size() > kNameBytesMax) return check_name(name.name).error();
  auto parent = resolve(name.parent);
  if (!parent) return parent.error();
  if (!nodes.at(*parent).node.is(Kind::directory)) {
    return no_directory("inode " + to_string(*parent));
  }
  const Dentry dentry{*parent, name.name};
  const auto found = names.find(dentry);
  if (found == names.end()) return not_found(name.name);
  return Entry{dentry, nodes.at(found->second).node};
}

Page MemoryTree::page(Inode directory, std::string_view after, std::uint32_t limit) const {
  Page page;
  const std::uint32_t most = limit == 0 ? kPageEntriesMax : std::min(limit, kPageEntriesMax);
  auto at = after.empty() ? names.lower_bound(Dentry{directory, ""})
                          : names.upper_bound(Dentry{directory, std::string(after)});
  for (; at != names.end() && at->first.parent == directory; ++at) {
    if (page.entries.size() == most) {
      page.next = page.entries.back().dentry.name;
      break;
    }
    page.entries.push_back(Entry{at->first, nodes.at(at->second).node});
  }
  return page;
}

std::vector<Entry> MemoryTree::entries() const {
  std::vector<Entry> all{Entry{Dentry{}, nodes.at(kRootInode).node}};
  for (std::size_t next = 0; next < all.size(); ++next) {
    if (!all[next].node.is(Kind::directory)) continue;
    const Inode directory = all[next].node.inode;
    for (auto at = names.lower_bound(Dentry{directory, ""});
         at != names.end() && at->first.parent == directory; ++at) {
      all.push_back(Entry{at->first, nodes.at(at->second).node});
    }
  }
  return all;
}

// ── Following ────────────────────────────────────────────────────────────────────────────────────

void MemoryTree::touch(Inode directory, Timestamp at, int links) {
  const auto found = nodes.find(directory);
  if (found == nodes.end()) return;
  Attributes& attributes = found->second.node.attributes;
  attributes.modified = at;
  attributes.changed = at;
  attributes.links += static_cast<std::uint32_t>(links);
}

// What stood where a rename went: it goes, or changes places.
void MemoryTree::follow_displaced(const Change& change) {
  const auto found = nodes.find(change.other->inode);
  if (found == nodes.end()) return;
  Attributes& attributes = found->second.node.attributes;
  if (!change.other->exchanged) attributes.links = change.other->links;
  attributes.changed = change.at;
  if (!found->second.node.is(Kind::directory)) return;
  touch(change.after->parent, change.at, -1);
  if (change.other->exchanged) touch(change.before->parent, change.at, 1);
}

void MemoryTree::follow(const Change& change) {
  const int subdirectory = change.node.is(Kind::directory) ? 1 : 0;
  if (change.before) {
    names.erase(*change.before);
    touch(change.before->parent, change.at, -subdirectory);
  }
  if (change.after) {
    names[*change.after] = change.node.inode;
    touch(change.after->parent, change.at, subdirectory);
  }
  if (change.other) follow_displaced(change);
  if (change.other && change.other->exchanged) names[*change.before] = change.other->inode;
  nodes[change.node.inode] = StoredNode{change.node, false};
}

void MemoryTree::drop_removed_nodes() {
  std::erase_if(nodes, [](const auto& item) { return item.second.node.removed(); });
}

}  // namespace outboard
