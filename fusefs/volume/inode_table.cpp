#include "fusefs/volume/inode_table.h"

#include <algorithm>

#include "core/check.h"

namespace outboard::fusefs {
namespace {

constexpr unsigned kInodeBits = 44;

}  // namespace

std::uint64_t shown_ino(Inode inode, std::uint32_t generation) {
  return inode.value | (std::uint64_t{generation} << kInodeBits);
}

InodeTable::InodeTable() {
  Binding root;
  root.id = kRootId;
  root.inode = kRootInode;
  root.lookups = 1;
  root.holds = 1;  // never forgotten
  add(std::move(root));
  current_[kRootInode] = kRootId;
}

NodeId InodeTable::current(Inode inode) const {
  const auto found = current_.find(inode);
  return found == current_.end() ? NodeId{} : found->second;
}

NodeId InodeTable::look_up(Inode inode, std::uint32_t generation) {
  NodeId& id = current_[inode];
  if (!id) {
    id = next_;
    ++next_.value;
    Binding binding;
    binding.id = id;
    binding.inode = inode;
    binding.generation = std::max(generation, inodes_[inode].generation);
    add(std::move(binding));
  }
  ++bindings_[id].lookups;
  return id;
}

bool InodeTable::look_up_again(NodeId id) {
  Binding* binding = find(id);
  if (binding != nullptr) ++binding->lookups;
  return binding != nullptr;
}

Binding* InodeTable::find(NodeId id) {
  const auto found = bindings_.find(id);
  return found == bindings_.end() ? nullptr : &found->second;
}

const Binding* InodeTable::find(NodeId id) const {
  const auto found = bindings_.find(id);
  return found == bindings_.end() ? nullptr : &found->second;
}

void InodeTable::forget(NodeId id, std::uint64_t lookups) {
  Binding* binding = find(id);
  if (binding == nullptr) return;
  binding->lookups -= std::min(binding->lookups, lookups);
  drop_if_unused(id);
}

void InodeTable::hold(NodeId id) {
  Binding* binding = find(id);
  CHECK(binding != nullptr);
  ++binding->holds;
}

void InodeTable::release(NodeId id) {
  Binding* binding = find(id);
  CHECK(binding != nullptr && binding->holds > 0);
  --binding->holds;
  drop_if_unused(id);
}

Binding* InodeTable::retire(Inode inode, Node pinned) {
  const auto found = current_.find(inode);
  if (found == current_.end() || inode == kRootInode) return nullptr;
  Binding* binding = find(found->second);
  CHECK(binding != nullptr);
  inodes_[inode].generation = binding->generation + 1;
  pinned.attributes.links = 0;
  binding->pinned = std::move(pinned);
  binding->announced = std::make_shared<std::atomic<bool>>(false);
  current_.erase(found);
  return binding;
}

bool InodeTable::revive(NodeId id) {
  Binding* binding = find(id);
  CHECK(binding != nullptr && binding->pinned);
  if (!current_.emplace(binding->inode, id).second) return false;
  binding->pinned.reset();
  binding->announced.reset();
  return true;
}

std::vector<Binding> InodeTable::rows() const {
  std::vector<Binding> rows;
  rows.reserve(bindings_.size());
  for (const auto& [id, binding] : bindings_) rows.push_back(binding);
  return rows;
}

void InodeTable::restore(const std::vector<Binding>& rows, NodeId next) {
  bindings_.clear();
  inodes_.clear();
  current_.clear();
  for (const Binding& row : rows) {
    add(row);
    std::uint32_t& generation = inodes_[row.inode].generation;
    if (row.pinned) generation = std::max(generation, row.generation + 1);
    if (!row.pinned) current_[row.inode] = row.id;
  }
  next_ = next;
}

void InodeTable::add(Binding binding) {
  ++inodes_[binding.inode].ids;
  const NodeId id = binding.id;
  bindings_[id] = std::move(binding);
}

void InodeTable::drop_if_unused(NodeId id) {
  const Binding* binding = find(id);
  if (binding->lookups > 0 || binding->holds > 0) return;
  const auto found = current_.find(binding->inode);
  if (found != current_.end() && found->second == id) current_.erase(found);
  if (--inodes_[binding->inode].ids == 0) {
    unused_.push_back(binding->inode);
    inodes_.erase(binding->inode);
  }
  bindings_.erase(id);
}

}  // namespace outboard::fusefs
