#include "harness/exec_agent/freeze_gate.h"

namespace outboard::harness {

Result<FreezeGate::Admission> FreezeGate::admit() {
  Lock lock(mutex_);
  while (door_ == Door::moving) moved_.wait(mutex_);
  if (door_ == Door::closed) {
    return Error{Code::conflict, "the sandbox is frozen; thaw it first", {}};
  }
  ++active_;
  return Admission(this, [](FreezeGate* gate) { gate->release(); });
}

void FreezeGate::release() {
  Lock lock(mutex_);
  --active_;
}

Result<bool> FreezeGate::freeze(const std::function<Result<bool>()>& stop) {
  {
    Lock lock(mutex_);
    while (door_ == Door::moving) moved_.wait(mutex_);
    if (door_ == Door::closed) return true;
    if (active_ > 0) return false;
    door_ = Door::moving;
  }
  auto stopped = stop();
  Lock lock(mutex_);
  door_ = stopped && *stopped ? Door::closed : Door::open;
  moved_.notify_all();
  return stopped;
}

Status FreezeGate::thaw(const std::function<Status()>& go) {
  {
    Lock lock(mutex_);
    while (door_ == Door::moving) moved_.wait(mutex_);
    if (door_ == Door::open) return success();
    door_ = Door::moving;
  }
  auto gone = go();
  Lock lock(mutex_);
  door_ = gone ? Door::open : Door::closed;
  moved_.notify_all();
  return gone;
}

bool FreezeGate::frozen() const {
  Lock lock(mutex_);
  return door_ == Door::closed;
}

}  // namespace outboard::harness
