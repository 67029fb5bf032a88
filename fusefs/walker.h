// Walker: looks at everything at and below a place from a process of its own, so that the kernel
// remembers it.
//
// main → walk_apart → this program again, as `outboard-fuse --walk PLACE` → look_at_all. Who
// serves a mount must not walk it: the kernel would wait for the one who waits for the kernel.
#pragma once

#include <string>

#include "core/clock.h"
#include "core/result.h"

namespace outboard::fusefs {

inline constexpr const char* kWalkOption = "--walk";

// Blocks until it is done; at `deadline` the process is killed. timed_out: that; not_found: nothing
// stands there; unavailable: it could not look at all.
Status walk_apart(const std::string& place, Moment deadline);

// Lists each directory, reads each symlink's target, opens one file (of a read-only view's first
// OPEN the kernel learns that there is none). An exit code.
int look_at_all(const std::string& place);

}  // namespace outboard::fusefs
