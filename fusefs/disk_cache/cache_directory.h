// CacheDirectory: the files of a DiskCache: 64 shards, a file for each entry, and a count of bytes.
//
// In a shard lie whole contents and beginnings in 16 directories, by file; further windows of a
// large file in one of the file's own. So whoever takes a file's entries looks at them and at a
// thousandth of the others.
//
// Several daemons of one user share one directory and know nothing of each other: an entry comes by
// a rename and goes by an unlink, and what one of them took is not there for the others. Each shard
// has its part of the budget: when it is full, whoever fills it lists it (not the others) and takes
// what was used least recently. `usage` counts each shard's bytes; what two daemons add at once may
// be counted once, which the next look at the shard mends.
//
// An entry is a checksum of its name and bytes, then the bytes. A use is noted as the file's time.
// Any thread; no locks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/result.h"

namespace outboard::fusefs {

struct EntryName {
  std::string file;     // of which file: the entries of one file begin with it
  std::string content;  // of which content of it
  std::uint64_t window = 0;
};

class CacheDirectory {
 public:
  // As DiskCache::open(). `bytes_max` for all shards together.
  static Result<CacheDirectory> open(const std::string& path, std::uint64_t bytes_max,
                                     const Clock& clock);
  ~CacheDirectory();
  CacheDirectory(CacheDirectory&& other) noexcept;
  CacheDirectory& operator=(CacheDirectory&&) = delete;
  CacheDirectory(const CacheDirectory&) = delete;

  // not_found: it is not there. corrupt: it was damaged, and is gone. unavailable: the disk
  // refuses.
  Result<std::string> read(const EntryName& name, std::uint64_t size) const;
  // Nothing is left of it when it fails. Unless it is there already.
  Status write(const EntryName& name, std::string_view bytes) const;
  void remove(const EntryName& name) const;
  // All entries of a file. How many names were looked at.
  std::uint64_t remove_all(std::string_view file) const;
  // If the shard of this entry is over its part of the budget, takes what was used least recently.
  // How many entries went.
  std::uint64_t make_room(const EntryName& name) const;
  // Near to what all entries take on the disk.
  std::uint64_t bytes() const;

 private:
  CacheDirectory(int descriptor, std::uint64_t shard_bytes_max, const Clock& clock);

  Status write_file(const EntryName& name, std::string_view bytes) const;
  // Of a shard that was never looked through: nothing.
  std::optional<std::uint64_t> counted(std::size_t shard) const;
  void set_counted(std::size_t shard, std::uint64_t bytes) const;
  void add_counted(std::size_t shard, std::int64_t bytes) const;
  void note_use(int entry, Timestamp last) const;

  int descriptor_ = -1;
  const std::uint64_t shard_bytes_max_;
  const Clock& clock_;
  std::string temporary_;  // begins the names of what this daemon is writing
};

}  // namespace outboard::fusefs
