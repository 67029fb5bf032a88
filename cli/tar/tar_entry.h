// TarEntry: one member of a tar archive, in the words of a volume.
#pragma once

#include <cstdint>
#include <string>

#include "core/entry.h"

namespace outboard::tar {

struct TarEntry {
  std::string path;        // "/a/b"; "/" for the archive's own top
  Kind kind = Kind::file;  // file, directory or symlink
  std::uint32_t mode = 0644;
  std::uint64_t size = 0;  // of a file
  std::string target;      // of a symlink
  std::string link_of;     // path of a former member whose content this is; empty: its own
  Timestamp modified;
  Xattrs xattrs;  // user.*
};

}  // namespace outboard::tar
