#include <gtest/gtest.h>

#include "core/memory_store.h"
#include "tests/model/random_run.h"

namespace outboard::tests {
namespace {

// [S10] [S16]
TEST(Model, MemoryStoreDoesWhatTheReferenceDoes) {
  const SystemClock clock;
  MemoryStore store(clock);
  const std::uint64_t seed = model_seed();
  for (std::uint64_t round = 0; round < 20; ++round) {
    const VolumeId volume = store.add_volume("acme/round-" + std::to_string(round));
    compare_with_reference(store, Call{}, volume, seed + round, 1'000);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace outboard::tests
