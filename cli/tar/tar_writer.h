// TarWriter: a tree as a tar archive (pax) to a stream. One thread.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "cli/tar/tar_entry.h"
#include "core/result.h"

namespace outboard::tar {

// Takes the archive's next bytes.
using TakeBytes = std::function<Status(std::string_view)>;

class TarWriter {
 public:
  explicit TarWriter(TakeBytes take);
  ~TarWriter();
  TarWriter(const TarWriter&) = delete;
  TarWriter& operator=(const TarWriter&) = delete;

  // A file's entry is followed by as many bytes as its size says.
  Status begin(const TarEntry& entry);
  Status write(std::string_view bytes);
  // Ends the archive: without it, it is a cut one.
  Status finish();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace outboard::tar
