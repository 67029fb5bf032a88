// Succession: the two sides of a handover, step by step. [S59, D34]
//
// control socket → main → offer_terms(), give_tables() ~Parley~ ask_terms(), ask_tables(),
// say_taken() ← the main of the next daemon. Who may ask is decided here.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "fusefs/handover/parley.h"

namespace outboard::fusefs {

// ── The daemon ──
// Whether who has connected may have the mounts, which is asked first: nobody else is worth a wait.
// no_access: it is neither this user nor root.
Status check_peer(const Parley& parley);
// Until the successor says that it is ready: gives it the terms and the mounter's socket.
// no_access: as check_peer() says; unsupported: it does not read what this program packs.
Status offer_terms(const Parley& parley, std::string_view terms, int mounter_socket);
// Says why nothing comes of it.
void refuse(const Parley& parley, const Error& error);
// REQUIRES: parked. Success: the successor is the owner from here on, and this process must not
// touch the views any more; otherwise it never will be.
Status give_tables(const Parley& parley, std::string_view tables,
                   const std::vector<int>& descriptors, Moment until);

// ── The successor ──
// `program` is its version, for the daemon's log. Errors: of the connection; what the daemon
// refuses.
Result<Said> ask_terms(const Parley& parley, std::string_view program);
Result<Said> ask_tables(const Parley& parley);
// unavailable: the daemon has gone on without us.
Status say_taken(const Parley& parley);

}  // namespace outboard::fusefs
