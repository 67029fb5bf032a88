// FreezeGate: the one door through which operations come and freezing goes.
//
// Freezing happens only while no operation is active; an operation is admitted only while nothing
// is frozen or about to be. Any thread.
#pragma once

#include <functional>
#include <memory>

#include "core/guarded.h"
#include "core/result.h"

namespace outboard::harness {

class FreezeGate {
 public:
  // An operation is active for as long as it lives.
  using Admission = std::shared_ptr<void>;

  // conflict: the sandbox is frozen. Waits while it is being frozen or thawed.
  Result<Admission> admit();

  // Runs `stop` (which answers whether it stopped everything) with the door closed, unless an
  // operation is active. False: deferred. Frozen already: true, and `stop` is not run.
  Result<bool> freeze(const std::function<Result<bool>()>& stop);
  // Runs `go`, then opens the door. Not frozen: success, and `go` is not run.
  Status thaw(const std::function<Status()>& go);
  bool frozen() const;

 private:
  enum class Door { open, moving, closed };

  void release();

  mutable Mutex mutex_;
  Condition moved_;
  Door door_ GUARDED_BY(mutex_) = Door::open;
  std::size_t active_ GUARDED_BY(mutex_) = 0;
};

}  // namespace outboard::harness
