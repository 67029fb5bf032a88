// BlockCache: content of versions in blocks of kChunkBytes, least recently used out first.
//
// volume_io → read() → a block here, or a window from the disk cache, or Store::read. A version's
// bytes never change, so nothing here is ever stale; what is redacted is dropped. Any thread may
// call it; the store is called with no lock held.
//
// Of content without a digest the disk is believed only once the store has answered for the very
// version in this daemon's life: nothing else would say that it was redacted meanwhile. [S65]
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/counters.h"
#include "core/entry.h"
#include "core/guarded.h"
#include "core/limits.h"
#include "core/store.h"
#include "fusefs/disk_cache/disk_cache.h"
#include "fusefs/volume/arrivals.h"

namespace outboard::fusefs {

// What a read needs to know of the version it reads.
struct VersionRef {
  Inode inode;
  Version version;
  std::uint64_t size = 0;
  std::optional<Sha256> digest;  // checked when the whole arrives in one piece
  Timestamp changed;             // of the node, when it had this version
};
VersionRef version_of(const Node& node);

class BlockCache {
 public:
  // `disk`, if there is one, must outlive it.
  BlockCache(Store& store, VolumeId volume, DiskCache* disk = nullptr,
             std::uint64_t bytes_max = kBlockCacheBytesMax)
      : store_(store), volume_(volume), disk_(disk), bytes_max_(bytes_max) {}

  // Bytes [offset, offset + size), clipped to the version's size. Misses ask the store until
  // `deadline`. corrupt: the bytes do not match the digest.
  Result<std::string> read(const VersionRef& version, std::uint64_t offset, std::uint64_t size,
                           Moment deadline);
  // The whole content of a version, known from an own publish.
  void put_whole(const VersionRef& version, std::string_view bytes);
  // A small file that came unasked, with the names. It is compared with its digest when it is first
  // read, since a mount that starts waits for all of them; then it is believed, or asked for.
  void put_body(const VersionRef& version, std::string_view bytes);
  // Whether a daemon has put the small bodies that came with the volume's names on the disk: they
  // need not come again. What is gone from there is asked for when it is read.
  bool has_bodies();
  void note_bodies();
  // Brings whole contents in, as many with one request as it may ask for. What the store does not
  // have stays away. REQUIRES: each is small enough to travel in one piece.
  Status warm(const std::vector<VersionRef>& versions, Moment deadline);
  // Small files that are to be brought together. While it lives, who reads one of them waits for it
  // instead of asking.
  class Claims {
   public:
    explicit Claims(Arrivals& arrivals) : arrivals_(arrivals) {}
    ~Claims();
    Claims(const Claims&) = delete;
    Claims& operator=(const Claims&) = delete;
    // Unless it is on its way.
    void add(const VersionRef& version);
    const std::vector<VersionRef>& versions() const { return versions_; }

   private:
    Arrivals& arrivals_;
    std::vector<VersionRef> versions_;
  };
  // Those that are not here, nor on their way; then bring_whole(), as warm() does at once.
  std::shared_ptr<Claims> claim(const std::vector<VersionRef>& versions);
  Status bring_whole(const std::shared_ptr<Claims>& claims, Moment deadline);
  // Called by who reads a file that is neither here nor on the disk, ahead of the store. Before any
  // read.
  void on_cold(std::function<void(const VersionRef&)> heard) { on_cold_ = std::move(heard); }
  bool has_whole(const VersionRef& version);
  // The whole content, if it is here.
  std::shared_ptr<const std::string> whole(const VersionRef& version);
  // Nothing of the file stays, nor comes in by a read that is under way. Waits for the disk. [S30]
  void drop(Inode inode);
  // Of what is in memory.
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
  // Of large files little is held: the kernel has what was read of them, and they would push out
  // everything else.
  enum class Kept : std::uint8_t { small, large };
  struct Slot {
    Key key;
    Block block;
    Kept kept = Kept::small;
    std::optional<Sha256> should = {};  // the block's digest; nothing: it was compared
  };
  using Proven = std::unordered_set<Key, KeyHash>;  // block 0
  // As of when the store was asked: what was dropped since is not kept.
  struct Before {
    std::uint64_t drops = 0;
    std::uint64_t disk_drops = 0;
  };
  struct State {
    std::array<std::list<Slot>, 2> used;  // by Kept, most recent first
    std::unordered_map<Key, std::list<Slot>::iterator, KeyHash> slots;
    std::array<std::uint64_t, 2> bytes{};
    std::uint64_t drops = 0;  // how often something was dropped
  };

  Block find(const Key& key);
  // What find() has found: whether it is what it should be. If not, it goes.
  bool prove(const Slot& slot);
  // Bytes arrived that are not the version's: they are not kept.
  void note_wrong(Inode inode, Version version);
  Before before() const;
  DiskKey disk_key(const VersionRef& version, std::uint64_t window) const;
  std::optional<std::string> find_on_disk(const VersionRef& version, std::uint64_t window,
                                          std::uint64_t size);
  void keep_on_disk(const VersionRef& version, std::uint64_t window, const std::string& bytes,
                    const Before& before, const std::optional<Sha256>& should = {});
  void put_blocks(const VersionRef& version, std::uint64_t from, std::string_view bytes,
                  std::uint64_t drops);
  // Unless something was dropped since `drops` was read.
  void put(Slot slot, std::uint64_t drops);
  void drop_where(const std::function<bool(const Key&)>& gone);
  struct Window {
    std::uint64_t from = 0;
    std::string bytes;
  };
  // The window around `offset`, which is kept, too; nothing: it is here by now.
  Result<std::optional<Window>> bring(const VersionRef& version, std::uint64_t offset,
                                      Moment deadline);
  Result<std::optional<Window>> fetch(const VersionRef& version, std::uint64_t offset,
                                      Moment deadline);
  Result<std::string> ask(const VersionRef& version, std::uint64_t from, std::uint64_t size,
                          Moment deadline);

  Store& store_;
  const VolumeId volume_;
  DiskCache* const disk_;
  const std::uint64_t bytes_max_;
  Guarded<State> state_;
  Guarded<Proven> proven_;
  Arrivals arrivals_;
  std::function<void(const VersionRef&)> on_cold_;
  Counter hits_, misses_, wrong_;
  std::atomic<bool> complained_ = false;  // once: the figures say how often
};

}  // namespace outboard::fusefs
