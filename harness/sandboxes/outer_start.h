// Starting a sandbox's outer layer: bubblewrap with outboard-outer in it, as a process that does
// not end with ours.
#pragma once

#include <memory>
#include <string>

#include "core/clock.h"
#include "core/result.h"
#include "harness/sandboxes/outer/outer_plan.h"
#include "harness/sandboxes/process.h"

namespace outboard::harness {

// A started outer layer that does nothing yet: it waits for go(), and ends without one.
class OuterStart {
 public:
  // `plan` without its descriptors; `cgroup` is bound in when it is not empty.
  static Result<std::unique_ptr<OuterStart>> start(OuterPlan plan, const std::string& home,
                                                   const std::string& programs,
                                                   const std::string& cgroup, Moment deadline);
  ~OuterStart();
  OuterStart(const OuterStart&) = delete;
  OuterStart& operator=(const OuterStart&) = delete;

  // Its pid 1.
  const ProcessId& outer() const { return outer_; }
  // Our child, which ends when the outer layer has; to be reaped.
  pid_t bubblewrap() const { return bubblewrap_; }
  // Lets it begin. False: it was not ready by the deadline, or has ended.
  bool go(Moment deadline);

 private:
  OuterStart() = default;

  ProcessId outer_;
  pid_t bubblewrap_ = -1;
  int go_ = -1;
  int ready_ = -1;
};

}  // namespace outboard::harness
