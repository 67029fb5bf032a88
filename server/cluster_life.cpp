// Who still lives in the cluster's directory, and by which way one gets in: the part of cluster.h
// that speaks of processes and sockets.
#include <poll.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "server/cluster.h"

namespace outboard::server {
namespace {

// The longest of the names Postgres gives its socket: the lock file beside it.
constexpr std::string_view kSocketFile = "/.s.PGSQL.5432.lock";

// Waits for one process' end. False: the deadline passed.
bool wait_for_end(pid_t pid, Moment deadline) {
  const int fd = open_process(pid);
  if (fd < 0) return true;  // gone already
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  pollfd wait{fd, POLLIN, 0};
  const int ended = ::poll(&wait, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
  ::close(fd);
  return ended > 0;
}

}  // namespace

Status clear_the_way(const std::string& cluster, Moment deadline) {
  for (auto living = postgres_processes_in(cluster); !living.empty();
       living = postgres_processes_in(cluster)) {
    // One that is stopped does not hear that its server has died. It hurts nobody else.
    for (const pid_t pid : living) ::kill(pid, SIGCONT);
    if (wait_for_end(living.front(), deadline)) continue;
    const std::string pid = std::to_string(living.front());
    return Error{Code::unavailable,
                 "a Postgres (process " + pid + ") that this server did not start runs on " +
                     cluster + ": stop it with `kill -INT " + pid + "` and start again",
                 cluster};
  }
  const std::string file = cluster + "/postmaster.pid";
  if (::unlink(file.c_str()) != 0 && errno != ENOENT) {
    return Error{Code::unavailable, "cannot remove " + file + ": " + std::strerror(errno), file};
  }
  return success();
}

bool fits_a_socket(std::string_view directory) {
  return directory.size() + kSocketFile.size() < sizeof(sockaddr_un::sun_path);
}

std::string cluster_url(std::string_view socket_directory) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string url = "postgresql://outboard@/outboard?host=";
  for (const char c : socket_directory) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_';
    if (plain) {
      url.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    url.push_back('%');
    url.push_back(kHex[byte >> 4U]);
    url.push_back(kHex[byte & 15U]);
  }
  return url;
}

}  // namespace outboard::server
