// Mounts: how the agent asks the mount daemon beside it whether the mounts are current, and tells
// it that nobody runs on them.
//
// Agent → Mounts → mount.proto on the daemon's control socket. Any thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "core/clock.h"
#include "core/ids.h"
#include "core/result.h"

namespace outboard::harness {

// Volume name → seq.
using Seqs = std::map<std::string, Seq>;

class Mounts {
 public:
  virtual ~Mounts() = default;
  // Waits until every named volume shows at least that seq. An empty map is reached at once.
  virtual Status barrier(const Seqs& seqs, Moment deadline) = 0;
  // The programs on the mounts are about to be stopped: what is unsaved is published, and nobody
  // waits for these mounts any more. False: a program waits for an answer; nothing was changed.
  // [S55]
  virtual Result<bool> sleep(Moment deadline) = 0;
  // They are about to run again: the mounts catch up with the server first.
  virtual Status wake(Moment deadline) = 0;
};

// Over the control socket; an empty path: a sandbox without mounts, whose barriers are `invalid`.
std::unique_ptr<Mounts> connect_mounts(const std::string& control_socket);

}  // namespace outboard::harness
