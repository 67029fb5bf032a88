// DiskCache: contents on this machine's disk, for the next daemon and for those beside it. [S65,
// D41]
//
// BlockCache → find() → a file here, or the store → put() → thread "disk-cache" → a file. Content
// comes in windows, each a file of its own that is named by what it is (which server, volume, file
// and content): an entry is never changed, and whoever cannot name it does not find it.
//
// What always holds:
//  - What is found is what was put, or nothing: damage is seen, and the entry goes.
//  - Once drop() has returned nothing of the file is there, nor comes by what was put before.
//  - A disk that is full or refuses costs hits, never an error, and one line in the log.
// Any thread may call it. No caller waits for a disk to write.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "core/clock.h"
#include "core/counters.h"
#include "core/digest.h"
#include "core/guarded.h"
#include "core/ids.h"
#include "core/limits.h"
#include "core/result.h"
#include "fusefs/disk_cache/cache_directory.h"

namespace outboard::fusefs {

// A window of a file's content.
struct DiskKey {
  VolumeId volume;
  Inode inode;
  std::string content;  // tells it from every other content of the file, at any time
  std::uint64_t window = 0;
};

struct DiskUse {
  std::string directory;
  std::uint64_t bytes = 0;  // by whichever daemon
  std::uint64_t bytes_max = 0;
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  bool failing = false;
};

class DiskCache {
 public:
  struct Config {
    std::string directory;
    std::string server;  // whose contents these are: its address
    std::uint64_t bytes_max = kDiskCacheBytesDefault;
  };
  // no_access: the directory is another user's, or open to others; not_found: there is none.
  // `clock` must outlive it.
  static Result<std::unique_ptr<DiskCache>> open(const Config& config, const Clock& clock);
  // Writes what waits.
  ~DiskCache();
  DiskCache(const DiskCache&) = delete;
  DiskCache& operator=(const DiskCache&) = delete;

  // The window's `size` bytes, if they are here and, where it is known, have this digest.
  std::optional<std::string> find(const DiskKey& key, std::uint64_t size,
                                  const std::optional<Sha256>& digest);
  // How often something was dropped: to be read before the bytes are asked for that are put.
  std::uint64_t drops() const;
  // Keeps it, soon; not when something was dropped since `drops` was read, nor when too much waits,
  // nor when it has another digest than it should, which is found out when it is written.
  void put(const DiskKey& key, std::string bytes, std::uint64_t drops,
           const std::optional<Sha256>& should = {});
  // Nothing of the file stays, whoever put it. Waits for the disk. [S30]
  void drop(VolumeId volume, Inode inode);
  // All that was put is written, or given up. False: not by then.
  bool settled(Moment until);

  DiskUse use() const;
  void measure(Figures& to) const;

 private:
  struct Job {
    EntryName name;
    std::string bytes;
    std::optional<Sha256> should;
  };
  DiskCache(const Config& config, CacheDirectory directory, const Clock& clock);

  std::string file_of(VolumeId volume, Inode inode) const;
  EntryName name_of(const DiskKey& key) const;
  void run();
  void write(const Job& job);
  void note_failure(const Error& why);

  const Config config_;
  const Clock& clock_;
  CacheDirectory directory_;
  mutable Mutex mutex_;
  mutable Condition changed_;
  std::deque<Job> jobs_ GUARDED_BY(mutex_);
  std::uint64_t waiting_bytes_ GUARDED_BY(mutex_) = 0;
  std::string writing_ GUARDED_BY(mutex_);  // the file of which a window is being written
  std::uint64_t drops_ GUARDED_BY(mutex_) = 0;
  bool stop_ GUARDED_BY(mutex_) = false;
  std::optional<Moment> failed_until_ GUARDED_BY(mutex_);  // set: failing
  Counter hits_, misses_, written_, unkept_, damaged_, evicted_;
  std::thread thread_;
};

}  // namespace outboard::fusefs
