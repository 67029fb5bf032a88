// VolumeFiles: whole small files of volumes, read and written with compare-and-swap.
//
// files, skills → VolumeFiles → Store. Nothing is cached but the volumes' numbers. Any thread.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "core/guarded.h"
#include "core/store.h"
#include "harness/tools/route.h"

namespace outboard::harness {

struct FileImage {
  std::string bytes;
  Sha256 digest;
  Inode inode;
  Version version;
  Seq seq;  // as of which this was so
};

class VolumeFiles {
 public:
  explicit VolumeFiles(Store& store) : store_(store) {}
  VolumeFiles(const VolumeFiles&) = delete;
  VolumeFiles& operator=(const VolumeFiles&) = delete;

  // not_found, is_directory, too_big: over kToolFileBytesMax.
  Result<FileImage> read(const VolumePath& path, Moment deadline);
  // A new file with its directories. conflict: something is there.
  Result<Seq> create(const VolumePath& path, std::string bytes, Moment deadline);
  // The next version after `base`, of which the first `same` bytes stay; only what follows them is
  // sent. conflict: it is no longer the current one, or the file is gone.
  Result<Seq> replace(const VolumePath& path, Inode inode, Version base, std::size_t same,
                      const std::string& bytes, Moment deadline);
  // Names in a directory, "/" behind directories, by name; at most kPageEntriesMax.
  Result<At<Page>> list(const VolumePath& path, Moment deadline);
  Result<std::vector<Result<Content>>> read_many(const std::string& volume,
                                                 const std::vector<ContentKey>& keys,
                                                 Moment deadline);
  Result<At<Entry>> lookup(const VolumePath& path, Moment deadline);

 private:
  Result<VolumeId> volume(const std::string& name, Moment deadline);

  Store& store_;
  Guarded<std::map<std::string, VolumeId>> volumes_;
};

}  // namespace outboard::harness
