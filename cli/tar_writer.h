// TarWriter: a POSIX tar (ustar with pax records for what does not fit), written to a descriptor as
// it comes. Used by one thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "core/entry.h"
#include "core/result.h"

namespace outboard::cli {

class TarWriter {
 public:
  // `path` is for messages.
  TarWriter(int fd, std::filesystem::path path) : fd_(fd), path_(std::move(path)) {}

  // `name` has no leading slash. Of a file its bytes follow by write(), as many as its size.
  Status begin(std::string_view name, const Node& node);
  Status write(std::string_view bytes);
  // Closes the member that was begun. REQUIRES: all its bytes were written.
  Status end();
  // The archive's end.
  Status finish();

 private:
  Status put_header(std::string_view name, std::string_view link, char type, std::uint64_t size,
                    std::uint32_t mode, std::int64_t modified_s);

  const int fd_;
  const std::filesystem::path path_;
  std::uint64_t written_ = 0;  // of the member
};

}  // namespace outboard::cli
