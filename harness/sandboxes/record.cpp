#include "harness/sandboxes/record.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

namespace outboard::harness {

std::optional<SandboxRecord> read_record(const std::string& file) {
  std::ifstream in(file);
  int format = 0;
  SandboxRecord record;
  in >> format >> record.generation.value >> record.first_user >> record.outer.pid >>
      record.outer.started;
  if (in.fail() || format != 1) return std::nullopt;
  in.ignore(1);
  std::getline(in, record.cgroup);
  return record;
}

Status write_record(const std::string& file, const SandboxRecord& record) {
  std::ostringstream text;
  text << "1 " << record.generation.value << ' ' << record.first_user << ' ' << record.outer.pid
       << ' ' << record.outer.started << ' ' << record.cgroup << '\n';
  const std::string bytes = text.str();
  const std::string fresh = file + ".new";
  const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const bool written =
      fd >= 0 && ::write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()) &&
      ::fsync(fd) == 0;
  if (fd >= 0) ::close(fd);
  if (written && ::rename(fresh.c_str(), file.c_str()) == 0) return success();
  return Error{Code::unavailable,
               "cannot write " + file + ": " + std::strerror(errno) +
                   "; see that the sandboxes' directory is writable and not full",
               file};
}

}  // namespace outboard::harness
