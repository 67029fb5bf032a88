// await_lock(): Store::lock for a thread that has nothing else to do until its answer.
#pragma once

#include "core/store.h"

namespace outboard {

Result<LockAnswer> await_lock(Store& store, const Call& call, VolumeId volume,
                              const LockQuery& query);

}  // namespace outboard
