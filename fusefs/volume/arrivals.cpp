#include "fusefs/volume/arrivals.h"

#include "fusefs/volume/request_scope.h"

namespace outboard::fusefs {

Result<bool> Arrivals::begin(const WindowKey& key, Moment deadline) {
  const Cancellation::Hook wake(RequestScope::call(deadline).given_up, [this] {
    const Lock lock(mutex_);
    ended_.notify_all();
  });
  const Lock lock(mutex_);
  if (keys_.insert(key).second) return true;
  while (keys_.contains(key)) {
    const bool woken = !RequestScope::given_up() && ended_.wait_until(mutex_, deadline);
    if (woken || !keys_.contains(key)) continue;
    return Error{Code::timed_out, "the bytes did not arrive in time", to_string(key.inode)};
  }
  return false;
}

bool Arrivals::try_begin(const WindowKey& key) {
  const Lock lock(mutex_);
  return keys_.insert(key).second;
}

void Arrivals::end(const WindowKey& key) {
  const Lock lock(mutex_);
  keys_.erase(key);
  ended_.notify_all();
}

}  // namespace outboard::fusefs
