#include "harness/exec_agent/durable_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace outboard::harness {
namespace {

Error disk_error(const std::string& path, std::string_view what) {
  const int reason = errno;
  const Code code = reason == EEXIST                       ? Code::exists
                    : reason == ENOENT                     ? Code::not_found
                    : reason == ENOSPC || reason == EDQUOT ? Code::no_space
                                                           : Code::unavailable;
  return Error{code,
               std::string(what) + " " + path + ": " + std::strerror(reason) +
                   "; see that the directory is there, writable and not full",
               path};
}

Status sync_parent(const std::string& path) {
  const std::string parent = path.substr(0, path.rfind('/'));
  const int fd = ::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool done = fd >= 0 && ::fsync(fd) == 0;
  if (fd >= 0) ::close(fd);
  return done ? success() : Status(disk_error(parent, "cannot sync"));
}

Status write_new(const std::string& path, std::string_view text, int flags) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
  if (fd < 0) return disk_error(path, "cannot create");
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       ::fsync(fd) == 0;
  const int reason = errno;
  ::close(fd);
  errno = reason;
  return written ? success() : Status(disk_error(path, "cannot write"));
}

}  // namespace

Status create_durable(const std::string& path, std::string_view text) {
  if (auto written = write_new(path, text, O_EXCL); !written) {
    if (written.error().code != Code::exists) ::unlink(path.c_str());
    return written;
  }
  return sync_parent(path);
}

Status replace_durable(const std::string& path, std::string_view text) {
  const std::string fresh = path + ".new";
  if (auto written = write_new(fresh, text, O_TRUNC); !written) return written;
  if (::rename(fresh.c_str(), path.c_str()) != 0) return disk_error(path, "cannot replace");
  return sync_parent(path);
}

Result<std::string> read_small_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return disk_error(path, "cannot open");
  std::string text;
  std::array<char, 4096> bytes{};
  ssize_t n = 0;
  while ((n = ::read(fd, bytes.data(), bytes.size())) > 0) {
    text.append(bytes.data(), static_cast<std::size_t>(n));
  }
  ::close(fd);
  if (n < 0) return disk_error(path, "cannot read");
  return text;
}

}  // namespace outboard::harness
