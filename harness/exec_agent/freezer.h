// Freezer: stops all processes of the inner layer, and lets them go on.
//
// Three ways, the best that the machine gives: cgroup v2 (cgroup.freeze), cgroup v1
// (freezer.state), and SIGSTOP by the inner layer's init to all of its pid namespace at once. The
// agent and the mount daemon are never among them: a frozen daemon would hang every reader of its
// mounts.
//
// Called by one thread at a time (the freeze gate sees to it).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/result.h"
#include "harness/exec_agent/inner_link.h"

namespace outboard::harness {

class Freezer {
 public:
  virtual ~Freezer() = default;
  // As capabilities spell it: "freeze.cgroup2", "freeze.cgroup1", "freeze.signal".
  virtual std::string_view name() const = 0;
  // False: not all stopped by the deadline; all go on as before.
  virtual Result<bool> freeze(Moment deadline) = 0;
  virtual Status thaw(Moment deadline) = 0;
};

// `cgroup` is the inner layer's own directory, of either version, that this process may write;
// empty or not writable: by signals.
std::unique_ptr<Freezer> choose_freezer(const std::string& cgroup, InnerLink& inner);

}  // namespace outboard::harness
