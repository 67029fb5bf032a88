// Spool: a folder of our own for contents that come as a stream, one file each, numbered: no name
// from outside is ever a name here. Gone with the object.
#pragma once

#include <filesystem>

#include "cli/local_files.h"
#include "core/result.h"

namespace outboard::cli {

class Spool {
 public:
  // In the system's folder for temporary files; nobody else may read it.
  static Result<Spool> create();
  ~Spool();
  Spool(Spool&& other) noexcept
      : folder_(std::exchange(other.folder_, {})), number_(other.number_) {}
  Spool& operator=(Spool&&) = delete;

  // A new, empty file.
  struct File {
    std::filesystem::path path;
    Descriptor fd;
  };
  Result<File> next();
  const std::filesystem::path& folder() const { return folder_; }

 private:
  explicit Spool(std::filesystem::path folder) : folder_(std::move(folder)) {}
  std::filesystem::path folder_;  // empty: moved from
  std::size_t number_ = 0;
};

}  // namespace outboard::cli
