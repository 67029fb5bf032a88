// FuseConfig: what the command line of outboard-fuse says, checked.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/limits.h"
#include "core/log.h"
#include "core/view_spec.h"
#include "fusefs/confinement/privileges.h"
#include "program/command_line.h"

namespace outboard::fusefs {

struct FuseConfig {
  std::string server;      // "unix:/path" or "host:port"
  std::string token_file;  // never the token itself: arguments are public
  program::ClientTls tls;
  std::vector<ViewSpec> mounts;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t umask = 022;
  bool stored_owners = false;
  std::chrono::milliseconds read_deadline = kReadDeadline;    // also of the start
  std::chrono::milliseconds write_deadline = kWriteDeadline;  // of a close, a sync, a new name
  std::uint64_t tree_nodes_max = kTreeNodesMax;               // of each view [S61]
  std::string cache_dir;  // absolute; contents that outlive the daemon; empty: none do [S65]
  std::uint64_t cache_bytes = kDiskCacheBytesDefault;
  bool inotify = false;   // watchers of writable views are told of what others change
  bool prewarm = false;   // before it is ready
  std::string take_over;  // control socket of the daemon to go on for; all else is that one's
  std::optional<Identity> identity;  // whom it becomes; unset: nobody else
  std::vector<int> fuse_fds;  // of the views in their order, mounted already; empty: it mounts
  std::vector<std::string> allowed;  // directories beneath which later views may stand
  std::string control_socket;        // empty: none
  std::string metrics;  // where figures are shown: "host:port" or a port; empty: nowhere
  int ready_fd = -1;    // -1: nobody waits
  LogOptions log;
};

using CommandLine = program::CommandLine<FuseConfig>;
CommandLine read_command_line(int argc, const char* const* argv);

}  // namespace outboard::fusefs
