// A run of random operations on a Store and on the reference tree, compared step by step.
#pragma once

#include <cstdint>

#include "core/store.h"

namespace outboard::tests {

// The seed of this program's run: $OUTBOARD_SEED, or a new one; printed either way.
std::uint64_t model_seed();

// Fails the running test, with the seed and the step, at the first difference.
// REQUIRES: the volume is empty and nobody else writes to it.
void compare_with_reference(Store& store, const Call& call, VolumeId volume, std::uint64_t seed,
                            int steps);

}  // namespace outboard::tests
