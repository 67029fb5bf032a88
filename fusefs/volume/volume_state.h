// VolumeState: what a MountedVolume guards by its lock.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "core/clock.h"
#include "core/entry.h"
#include "fusefs/volume/held_locks.h"
#include "fusefs/volume/history_table.h"
#include "fusefs/volume/inode_table.h"
#include "fusefs/volume/open_file.h"
#include "fusefs/volume/sibling_runs.h"
#include "fusefs/volume/telling.h"
#include "fusefs/volume/tree_cache.h"
#include "fusefs/volume/unsettled.h"

namespace outboard::fusefs {

struct VolumeState {
  TreeCache tree;
  InodeTable inodes;
  HistoryTable history;
  std::unordered_map<HandleId, Handle> handles;
  std::uint64_t next_handle = 1;
  std::unordered_map<NodeId, OpenFile> files;
  std::set<NodeId> waiting;                 // whose bytes wait for the store, as the log has said
  std::map<ContentKey, Moment> waited_for;  // in vain, and until when nobody waits again
  std::map<NodeId, Xattrs> removed_xattrs;  // of removed files that are open, once one is changed
  std::map<std::uint64_t, NodeId> publishers;  // request number → the node id it publishes for
  std::multiset<NodeId> leaving;               // whose name this mount is taking away
  // Requests of this view of which the feed has not told yet: another view of the daemon may show
  // the same volume.
  std::set<std::uint64_t> own;
  std::set<std::uint64_t> announce_own;  // own requests the kernel does not know the fate of
  Seq posted;                            // notices of the feed up to here were posted
  bool stale = false;
  bool frozen = false;
  HeldLocks locks;
  std::set<std::shared_ptr<WaitingLock>> waits;
  Moment owed_due = Moment::max();  // when the store is told of locks that it may have missed
  bool ending = false;
  std::deque<Telling> tellings;  // bounded; what does not fit is untold
  std::optional<Telling> telling;
  bool tellings_paused = false;
  bool tellings_ended = false;
  std::uint64_t doubts = 0;
  Moment doubted_until{};  // whoever waits for a doubt's end waits so long
  Moment current_until{};  // of a strict volume: until then nobody's publish is done without us
  Unsettled unsettled;     // of a strict volume
  bool settling = false;   // somebody asks the store how far the other mounts have come
  std::uint64_t uses = 0;  // counts looks into directories, and verbs that keep them
  std::multiset<std::uint64_t> verbs;  // since which use each Stay keeps what came
  // Since which use no directory names it, as far as is known.
  std::deque<std::pair<std::uint64_t, Inode>> unlisted;
  std::size_t shrink_at = 0;                       // nodes
  std::uint64_t used_bytes = 0, used_nodes = 0;    // of the volume, as the store last said
  std::uint64_t quota_bytes = 0, quota_nodes = 0;  // the same
  SiblingRuns siblings;
};

}  // namespace outboard::fusefs
