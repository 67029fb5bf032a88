// Limits of comparing texts, each with its reason; those of the whole house are in core/limits.h.
#pragma once

#include <cstddef>
#include <cstdint>

namespace outboard {

// Lines in which two texts may differ to be compared line by line: 32 MB of memory at the most.
inline constexpr std::size_t kDiffEditsMax = 2'000;
// A file that is compared at all; of larger ones only that they differ is said.
inline constexpr std::uint64_t kDiffFileBytesMax = 4U << 20U;

}  // namespace outboard
