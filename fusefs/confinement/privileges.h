// Privileges: what a process may do beyond its user's rights, and giving that up for good.
//
// main, before any other thread is there, since Linux keeps capabilities for each thread: fork the
// mounter, drop_privileges(), filter_syscalls(). [S60, D35]
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/result.h"

namespace outboard::fusefs {

struct Identity {
  uid_t user = 0;
  gid_t group = 0;
  friend bool operator==(const Identity&, const Identity&) = default;
};

// "1000" (the group has the same number) or "1000:100". invalid: no such numbers, or 0: that is no
// lesser user.
Result<Identity> parse_identity(std::string_view text);

// Capabilities as bits: 1 << CAP_SYS_ADMIN.
using Capabilities = std::uint64_t;
// What this thread may use now.
Capabilities permitted_capabilities();

// Becomes `identity`, if given, and keeps of the capabilities at most `keep`; nothing that is
// executed later has more. In nobody's /proc are this process's memory and descriptors any more.
// no_access: only root can become somebody else. REQUIRES: this process has one thread.
Status drop_privileges(const std::optional<Identity>& identity, Capabilities keep = 0);

}  // namespace outboard::fusefs
