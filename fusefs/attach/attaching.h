// Attaching: brings a view that stands here into the mount namespace of a sandbox that runs. [S62,
// D37]
//
// `outboard-fuse attach`, of root's and outside of the sandbox → a copy of the mount → setns →
// there. It asks no daemon: the kernel serves both places from one. What has a hand in the sandbox
// decides nothing: its links are followed as its own root sees them.
//
// REQUIRES: this process has one thread; it stays in the sandbox's namespace, and does nothing
// else.
#pragma once

#include <sys/types.h>

#include <string>

#include "core/result.h"

namespace outboard::fusefs {

struct Attachment {
  pid_t process = 0;  // of the sandbox
  std::string view;   // where it stands here; unused by detach()
  std::string place;  // an existing directory of the sandbox, as that process sees it
  bool lazy = false;  // detach() also what programs use
};

// With the views inside it. not_found: no such process, no view at `view`, no such place; exists: a
// view is there already; invalid: the process shares this mount namespace; no_access: that takes
// root.
Status attach(const Attachment& what);
// conflict: a program of the sandbox uses it. not_found: no view stands there.
Status detach(const Attachment& what);

}  // namespace outboard::fusefs
