// TarReader: a tar archive from a stream, member by member, plain or compressed (gzip, bzip2, xz,
// zstd).
//
// Archives come from strangers. What cannot stand in a volume is refused with the member's name:
// absolute names and names with "..", devices and sockets, links to what is not in the archive,
// symlinks that lead out of it, files over kFileBytesMax, archives of over kTarEntriesMax members.
// Nothing is written anywhere. One thread.
#pragma once

#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <set>
#include <string_view>

#include "cli/tar/tar_entry.h"
#include "core/result.h"

namespace outboard::tar {

// Gives the next bytes of the archive, good until asked again; empty at its end.
using NextBytes = std::function<Result<std::string_view>()>;

class TarReader {
 public:
  explicit TarReader(NextBytes next);
  ~TarReader();
  TarReader(const TarReader&) = delete;
  TarReader& operator=(const TarReader&) = delete;

  // The next member; nothing at the end. corrupt: no archive, or a damaged or cut one.
  Result<std::optional<TarEntry>> next();
  // The content of the member that next() answered, in parts.
  Status read(const std::function<Status(std::string_view)>& take);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace outboard::tar
