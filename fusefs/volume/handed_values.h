// HandedValues: which parts of a mounted volume's values travel to the next daemon, and in which
// order. For the files of this room that hand over; see packed.h. [D34]
//
// What is not here is worked out again, asked for again, or means nothing to another process.
#pragma once

#include <algorithm>
#include <memory>

#include "core/check.h"
#include "core/op.h"
#include "fusefs/handover/packed.h"
#include "fusefs/volume/held_locks.h"
#include "fusefs/volume/history_table.h"
#include "fusefs/volume/inode_table.h"
#include "fusefs/volume/open_file.h"
#include "fusefs/volume/telling.h"
#include "fusefs/volume/tree_cache.h"
#include "fusefs/volume/view.h"

namespace outboard::fusefs {

template <class Pack>
void describe(Pack& pack, Timestamp& at) {
  pack(at.nanoseconds);
}
template <class Pack>
void describe(Pack& pack, Sha256& digest) {
  pack(digest.bytes);
}
template <class Pack>
void describe(Pack& pack, Attributes& a) {
  pack(a.mode, a.uid, a.gid, a.size, a.links, a.device, a.accessed, a.modified, a.changed);
}
template <class Pack>
void describe(Pack& pack, Node& n) {
  pack(n.inode, n.kind, n.attributes, n.version, n.digest, n.target, n.xattr_bytes);
}
template <class Pack>
void describe(Pack& pack, Dentry& name) {
  pack(name.parent, name.name);
}
template <class Pack>
void describe(Pack& pack, Origin& o) {
  pack(o.principal, o.session, o.turn, o.op, o.epoch, o.generation, o.client, o.number);
}
template <class Pack>
void describe(Pack& pack, VersionInfo& v) {
  pack(v.version, v.seq, v.size, v.digest, v.origin, v.at, v.conflict, v.redacted);
}
template <class Pack>
void describe(Pack& pack, View& v) {
  pack(v.read_only, v.owners, v.uid, v.gid, v.umask, v.kernel_forgets, v.kernel_forgets_all,
       v.tree_nodes_max, v.read_deadline, v.write_deadline, v.mountpoints);
}

// ── The tree ─────────────────────────────────────────────────────────────────────────────────────

template <class Pack>
void describe(Pack& pack, Child& child) {
  pack(child.name, child.inode);
}
template <class Pack>
void describe(Pack& pack, Children& children) {
  std::vector<Child> names;
  for (const auto& [place, child] : children.places) names.push_back(child);
  pack(names, children.complete);
  if constexpr (Pack::kReads) {
    for (Child& child : names) children.places.emplace(place_of(child.name), std::move(child));
  }
}
template <class Pack>
void describe(Pack& pack, TreeNode& node) {
  pack(node.node, node.generation, node.names, node.children);
}

// ── What the kernel knows ────────────────────────────────────────────────────────────────────────

template <class Pack>
void describe(Pack& pack, Binding& b) {
  bool announced = b.announced != nullptr && *b.announced;
  pack(b.id, b.inode, b.generation, b.lookups, b.holds, b.pinned, b.removed_here, b.last_name,
       announced);
  if constexpr (Pack::kReads) {
    if (b.pinned) b.announced = std::make_shared<std::atomic<bool>>(announced);
  }
}
template <class Pack>
void describe(Pack& pack, InodeTable& table) {
  std::vector<Binding> rows = table.rows();
  NodeId next = table.next();
  pack(rows, next);
  if constexpr (Pack::kReads) table.restore(rows, next);
}
template <class Pack>
void describe(Pack& pack, HistoryKey& key) {
  pack(key.shape, key.inode, key.version, key.as_of);
}
// What was asked of the store about it is asked again: the past is the same.
template <class Pack>
void describe(Pack& pack, HistoryRow& row) {
  pack(row.id, row.key, row.node, row.lookups, row.made, row.name);
}
template <class Pack>
void describe(Pack& pack, Notice& n) {
  pack(n.kind, n.node, n.directory, n.name, n.from, n.names, n.unused);
}

template <class Pack>
void describe(Pack& pack, Telling& t) {
  pack(t.tale, t.before, t.after, t.before_path, t.after_path, t.node, t.shown_as);
}

// ── Open files ───────────────────────────────────────────────────────────────────────────────────

template <class Pack>
void describe(Pack& pack, OpenMode& mode) {
  pack(mode.read, mode.write, mode.append, mode.truncate);
}
template <class Pack>
void describe(Pack& pack, Handle& handle) {
  pack(handle.node, handle.mode, handle.locks);
}
template <class Pack>
void describe(Pack& pack, Extent& extent) {
  pack(extent.offset, extent.bytes);
}
template <class Pack>
void describe(Pack& pack, Edit& edit) {
  pack(edit.keep, edit.extents, edit.size);
}
// What a parcel has: one write or append by inode, and perhaps its times.
template <class Pack>
void describe(Pack& pack, Step& step) {
  auto which = step.op.index();
  pack(which);
  if constexpr (Pack::kReads) {
    if (which == Op(Append()).index()) step.op = Append();
    if (which == Op(Write()).index()) step.op = Write();
    if (which == Op(SetAttributes()).index()) step.op = SetAttributes();
  }
  const auto pass = [&](NodeRef& node, auto&... parts) {
    Inode inode;
    if (const auto* named = std::get_if<Inode>(&node)) inode = *named;
    pack(inode, parts...);
    if constexpr (Pack::kReads) node = inode;
  };
  if (auto* append = std::get_if<Append>(&step.op)) return pass(append->node, append->bytes);
  if (auto* write = std::get_if<Write>(&step.op)) {
    return pass(write->node, write->base, write->keep, write->extents, write->size, write->merged);
  }
  if (auto* times = std::get_if<SetAttributes>(&step.op)) return pass(times->node, times->modified);
  CHECK(Pack::kReads);  // what another program has packed may be anything; no parcel has others
}
template <class Pack>
void describe(Pack& pack, RequestId& id) {
  pack(id.client, id.number);
}
template <class Pack>
void describe(Pack& pack, Batch& batch) {
  pack(batch.request, batch.acknowledged, batch.written, batch.steps);
}
template <class Pack>
void describe(Pack& pack, Parcel& parcel) {
  if constexpr (Pack::kReads) {
    const auto batch = std::make_shared<Batch>();
    pack(*batch);
    parcel.batch = batch;
  } else {
    pack(*parcel.batch);
  }
  pack(parcel.buffer, parcel.landed, parcel.fate, parcel.modified);
}
// A file that is being published is not handed over.
template <class Pack>
void describe(Pack& pack, OpenFile& f) {
  pack(f.inode, f.handles, f.writers, f.lockers, f.forsaken, f.top, f.parcels, f.merged, f.modified,
       f.times_set, f.dirty_since);
}

// ── Locks ────────────────────────────────────────────────────────────────────────────────────────

template <class Pack>
void describe(Pack& pack, LockRange& range) {
  pack(range.from, range.to);
}
template <class Pack>
void describe(Pack& pack, LockKey& key) {
  pack(key.inode, key.whole_file, key.owner);
}
template <class Pack>
void describe(Pack& pack, HeldLock& lock) {
  pack(lock.owner.client, lock.owner.number, lock.range, lock.kind);
}
template <class Pack>
void describe(Pack& pack, OwnerLocks& o) {
  std::vector<HeldLock> held = o.table.held();
  pack(held, o.handles, o.node, o.since, o.process, o.owed, o.unlocks, o.lost);
  if constexpr (Pack::kReads) o.table = LockTable(std::move(held));
}

}  // namespace outboard::fusefs
