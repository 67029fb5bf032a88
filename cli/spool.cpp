#include "cli/spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace outboard::cli {

namespace fs = std::filesystem;

Result<Spool> Spool::create() {
  std::error_code failed;
  const fs::path place = fs::temp_directory_path(failed);
  if (failed) return system_error("find", "the folder for temporary files", failed.value());
  std::string pattern = (place / "outboard-spool-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) return system_error("make", pattern, errno);
  return Spool(fs::path(pattern));
}

Spool::~Spool() {
  std::error_code ignored;
  if (!folder_.empty()) fs::remove_all(folder_, ignored);
}

Result<Spool::File> Spool::next() {
  fs::path path = folder_ / std::to_string(++number_);
  Descriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd.good()) return system_error("write", path, errno);
  return File{std::move(path), std::move(fd)};
}

}  // namespace outboard::cli
