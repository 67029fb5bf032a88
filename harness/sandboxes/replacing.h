// Replacing the mount daemon of a sandbox that runs with another program, under its commands.
//
// `outboard-harness replace-daemons` → this ~socket~ outboard-outer → the program, which takes over
// from the daemon that is there. [S59, D43] As root, on the sandboxes' host; any thread.
#pragma once

#include <string>
#include <vector>

#include "core/clock.h"
#include "core/ids.h"
#include "core/result.h"

namespace outboard::harness {

// Sessions that have something in a provider's `directory`, running or lost.
Result<std::vector<SessionId>> sessions_in(const std::string& directory);

// `program`: an outboard-fuse, which need not be in the sandbox's sight. False: it has no views, so
// there is no daemon. not_found: no sandbox of the session runs here; unsupported: its outer layer
// is of a release that cannot; unavailable: the daemon goes on as before, and the message says why;
// timed_out: what became of it is not known yet.
Result<bool> replace_daemon(const std::string& directory, const SessionId& session,
                            const std::string& program, Moment deadline);

}  // namespace outboard::harness
