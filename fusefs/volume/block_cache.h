// BlockCache: content of versions in blocks of kChunkBytes, least recently used out first.
//
// volume_io → read() → a block here, or Store::read. A version's bytes never change, so nothing
// here is ever stale; what is redacted is dropped. Any thread may call it; the store is called with
// no lock held.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/counters.h"
#include "core/entry.h"
#include "core/guarded.h"
#include "core/limits.h"
#include "core/store.h"

namespace outboard::fusefs {

// What a read needs to know of the version it reads.
struct VersionRef {
  Inode inode;
  Version version;
  std::uint64_t size = 0;
  std::optional<Sha256> digest;  // checked when the whole arrives in one piece
};

class BlockCache {
 public:
  BlockCache(Store& store, VolumeId volume, std::uint64_t bytes_max = kBlockCacheBytesMax)
      : store_(store), volume_(volume), bytes_max_(bytes_max) {}

  // Bytes [offset, offset + size), clipped to the version's size. Misses ask the store until
  // `deadline`. corrupt: the bytes do not match the digest.
  Result<std::string> read(const VersionRef& version, std::uint64_t offset, std::uint64_t size,
                           Moment deadline);
  // The whole content of a version, known from elsewhere (snapshot, own publish).
  void put_whole(Inode inode, Version version, std::string_view bytes);
  // Brings whole contents in, as many with one request as it may ask for. What the store does not
  // have stays away. REQUIRES: each is small enough to travel in one piece.
  Status warm(const std::vector<VersionRef>& versions, Moment deadline);
  // The whole content, if it is here.
  std::shared_ptr<const std::string> whole(const VersionRef& version);
  // Nothing of the file stays, nor comes in by a read that is under way. [S30]
  void drop(Inode inode);
  void drop_all();
  // How often something was dropped.
  std::uint64_t drops() const;
  std::uint64_t bytes() const;
  void measure(Figures& to, const Labels& view) const;

 private:
  struct Key {
    Inode inode;
    Version version;
    std::uint64_t block = 0;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const noexcept;
  };
  using Block = std::shared_ptr<const std::string>;
  struct Slot {
    Key key;
    Block block;
  };
  struct State {
    std::list<Slot> used;  // most recent first
    std::unordered_map<Key, std::list<Slot>::iterator, KeyHash> slots;
    std::uint64_t bytes = 0;
    std::uint64_t drops = 0;  // how often something was dropped
  };

  Block find(const Key& key);
  bool has_whole(const VersionRef& version);
  void put_blocks(Inode inode, Version version, std::string_view bytes, std::uint64_t drops);
  // Unless something was dropped since `drops` was read.
  void put(const Key& key, std::string_view bytes, std::uint64_t drops);
  void drop_where(const std::function<bool(const Key&)>& gone);
  // Fetches a window around `offset` and keeps it; the answer starts at the returned offset.
  Result<std::pair<std::uint64_t, std::string>> fetch(const VersionRef& version,
                                                      std::uint64_t offset, Moment deadline);

  Store& store_;
  const VolumeId volume_;
  const std::uint64_t bytes_max_;
  Guarded<State> state_;
  Counter hits_, misses_;
};

}  // namespace outboard::fusefs
