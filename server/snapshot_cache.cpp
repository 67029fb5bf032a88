#include "server/snapshot_cache.h"

#include <algorithm>

namespace outboard::server {

std::size_t SnapshotCache::bytes_of(const Entry& entry) {
  return sizeof(Entry) + entry.dentry.name.capacity() + entry.node.target.capacity();
}

SnapshotCache::Entries SnapshotCache::find(VolumeId volume, Seq seq) {
  return state_.with([&](State& state) -> Entries {
    const auto kept = state.volumes.find(volume);
    if (kept == state.volumes.end() || kept->second.seq != seq) return nullptr;
    kept->second.used = ++state.questions;
    return kept->second.entries;
  });
}

void SnapshotCache::keep(VolumeId volume, Seq seq, Entries entries) {
  std::size_t bytes = 0;
  for (const Entry& entry : *entries) bytes += bytes_of(entry);
  if (!fits(bytes)) return;
  state_.with([&](State& state) {
    if (const auto old = state.volumes.find(volume); old != state.volumes.end()) {
      if (old->second.seq >= seq) return;
      drop(state, old);
    }
    while (state.bytes + bytes > bytes_max_) {
      drop(state, std::ranges::min_element(state.volumes, {},
                                           [](const auto& one) { return one.second.used; }));
    }
    state.bytes += bytes;
    state.volumes.emplace(volume, Kept{seq, std::move(entries), bytes, ++state.questions});
  });
}

void SnapshotCache::drop(State& state, std::map<VolumeId, Kept>::iterator kept) {
  state.bytes -= kept->second.bytes;
  state.volumes.erase(kept);
}

}  // namespace outboard::server
