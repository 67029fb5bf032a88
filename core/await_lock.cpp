#include "core/await_lock.h"

#include "core/guarded.h"

namespace outboard {
namespace {

struct Waiting {
  Mutex mutex;
  Condition answered;
  std::optional<Result<LockAnswer>> answer GUARDED_BY(mutex);
};

}  // namespace

Result<LockAnswer> await_lock(Store& store, const Call& call, VolumeId volume,
                              const LockQuery& query) {
  const auto waiting = std::make_shared<Waiting>();
  store.lock(call, volume, query, [waiting](Result<LockAnswer> answer) {
    const Lock lock(waiting->mutex);
    waiting->answer.emplace(std::move(answer));
    waiting->answered.notify_all();
  });
  const Lock lock(waiting->mutex);
  while (!waiting->answer) waiting->answered.wait(waiting->mutex);
  return *std::move(waiting->answer);
}

}  // namespace outboard
