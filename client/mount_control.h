// MountControl: what a mount daemon says of itself on its control socket.
//
// `outboard doctor --control` → ask_mount → MountService.Status of outboard-fuse, on this machine.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/result.h"

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
};

struct MountReport {
  std::string version;  // of the daemon's program
  std::string server;   // that it talks to
  bool connected = false;
  std::chrono::milliseconds disconnected{0};  // how long it has been so
  std::vector<MountedView> views;
};

// unavailable: nobody answers on that socket, or this user may not open it.
Result<MountReport> ask_mount(const std::string& control_socket, Moment deadline);

}  // namespace outboard::client
