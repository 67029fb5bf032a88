// Walker: looks at everything at and below a place, so that the kernel remembers it.
//
// Mounter → a process of its own → look_at_all. Who serves a mount must not walk it: the kernel
// would wait for the one who waits for the kernel.
#pragma once

#include <string>

namespace outboard::fusefs {

inline constexpr int kNothingThere = 3;

// Lists each directory, reads each symlink's target, opens one file (of a read-only view's first
// OPEN the kernel learns that there is none). An exit code.
int look_at_all(const std::string& place);

}  // namespace outboard::fusefs
