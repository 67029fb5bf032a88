// The embedded server's data directory: made, locked for one server, and open to the user that
// Postgres runs as. Used by Embedded alone.
//
// data_dir/lock is held by flock: it ends with the process, however that dies.
// data_dir/socket is the socket's directory; where its path is too long for a socket's address
// (107 bytes), a directory of a random name under /run or /tmp takes its place, and
// data_dir/socket.path remembers it, so that one left by a killed server is removed.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/result.h"
#include "server/child_process.h"

namespace outboard::server {

// The user for Postgres: nothing unless this process is root. `wanted` empty: `outboard`, else
// `postgres`. not_found: no such user.
Result<std::optional<Account>> choose_account(const std::string& wanted);

class DataDirectory {
 public:
  // unavailable: it cannot be made, is in use, or the user cannot reach it.
  static Result<std::unique_ptr<DataDirectory>> open(const std::string& path,
                                                     const std::optional<Account>& run_as);
  // Removes the socket's directory and lets go of the lock.
  ~DataDirectory();
  DataDirectory(const DataDirectory&) = delete;
  DataDirectory& operator=(const DataDirectory&) = delete;

  std::string cluster() const { return path_ + "/postgres"; }
  const std::string& socket_directory() const { return socket_directory_; }

 private:
  DataDirectory(std::string path, int lock_fd) : path_(std::move(path)), lock_fd_(lock_fd) {}
  Status make_socket_directory(const std::optional<Account>& run_as);

  const std::string path_;  // absolute
  const int lock_fd_;
  std::string socket_directory_;
};

}  // namespace outboard::server
