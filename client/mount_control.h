// MountControl: a mount daemon on this machine, by its control socket.
//
// `outboard doctor --control`, `outboard mount` → here → MountService of outboard-fuse.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "core/view_spec.h"

namespace outboard::client {

struct MountedView {
  std::string path;
  std::string volume;
  bool writable = false;
  std::uint64_t seq = 0;   // changes up to here are shown
  std::uint64_t head = 0;  // the highest that the server has told of
  bool stale = false;      // cut off: cached content only
  std::uint64_t unsaved_bytes = 0;
  std::uint64_t errors = 0;  // requests answered with EIO since the start
  std::uint64_t nodes = 0;
  std::uint64_t cached_bytes = 0;
  std::uint64_t open_handles = 0;
  std::map<std::string, std::uint64_t> requests = {};  // of the kernel, by operation
};

struct DiskCacheReport {
  std::string directory;
  std::uint64_t bytes = 0;
  std::uint64_t bytes_max = 0;
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  bool failing = false;  // nothing new is kept for the time being
};

struct MountReport {
  std::string version;  // of the daemon's program
  std::string server;   // that it talks to
  bool connected = false;
  std::chrono::milliseconds disconnected{0};  // how long it has been so
  std::vector<MountedView> views;
  std::uint64_t handovers = 0;  // daemons that took over since the views were mounted
  Timestamp taken_over = {};    // when the last did
  std::optional<DiskCacheReport> disk_cache = {};
};

// How the set of views shall change.
struct ViewChange {
  std::vector<ViewSpec> coming;
  std::vector<std::string> going;  // mountpoints
  bool only = false;               // what is not coming goes, too
  bool force = false;              // also what programs use
};

// What a prewarming brought near.
struct WarmReport {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};

// unavailable: nobody answers on that socket, or this user may not open it.
Result<MountReport> ask_mount(const std::string& control_socket, Moment deadline);
// Everything at and below `path` (empty: all views), small files up to `bytes_max` (0: the daemon's
// own budget). not_found: no view shows that path.
Result<WarmReport> warm_mount(const std::string& control_socket, const std::string& path,
                              std::uint64_t bytes_max, Moment deadline);

// Waits until the named volumes' views show these seqs, or, when none is named, every view what the
// server has by now. What they show then, by volume. timed_out: some does not; not_found: a volume
// is not mounted there.
Result<std::map<std::string, std::uint64_t>> await_mount(
    const std::string& control_socket, const std::map<std::string, std::uint64_t>& seqs,
    Moment deadline);
// What is shown then. Nothing has changed when it is refused: conflict, what is to go is in use;
// no_access, the daemon may not mount there; not_found, its token reaches no such volume, or no
// view stands there; invalid, unsupported: such views cannot stand together. [S62]
Result<std::vector<ViewSpec>> change_views(const std::string& control_socket,
                                           const ViewChange& change, Moment deadline);
// The daemon shows this token from now on. unauthenticated, not_found: the server does not take it,
// or it does not reach a mounted volume; the old one stays.
Status renew_mount_token(const std::string& control_socket, const std::string& token,
                         Moment deadline);

}  // namespace outboard::client
