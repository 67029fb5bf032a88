// SnapshotCache: the entries of whole volumes as they stood at a seq, for those who load them next.
//
// A fleet starts on few volumes, and of most nothing has changed since the sandbox before. What is
// kept is true as of one seq and is given out for that seq alone, so nobody has to tell the cache
// of changes. Bodies are not in it: they are read by their version, which never changes.
//
// Any thread may call it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "core/entry.h"
#include "core/guarded.h"

namespace outboard::server {

class SnapshotCache {
 public:
  using Entries = std::shared_ptr<const std::vector<Entry>>;

  // Keeps at most `bytes_max`, of one volume a quarter of it.
  explicit SnapshotCache(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  // The volume's entries as of `seq`, parents before their children; null: not kept.
  Entries find(VolumeId volume, Seq seq);
  // Keeps them in the place of an older seq's. What was not asked for longest makes room.
  void keep(VolumeId volume, Seq seq, Entries entries);

  // Whether so many bytes of one volume would be kept.
  bool fits(std::size_t bytes) const { return bytes <= bytes_max_ / 4; }
  static std::size_t bytes_of(const Entry& entry);

 private:
  struct Kept {
    Seq seq;
    Entries entries;
    std::size_t bytes = 0;
    std::uint64_t used = 0;  // by the count of questions
  };
  struct State {
    std::map<VolumeId, Kept> volumes;
    std::size_t bytes = 0;
    std::uint64_t questions = 0;
  };
  static void drop(State& state, std::map<VolumeId, Kept>::iterator kept);

  const std::size_t bytes_max_;
  Guarded<State> state_;
};

}  // namespace outboard::server
