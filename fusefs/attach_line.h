// AttachLine: what `outboard-fuse attach` and `outboard-fuse detach` were told.
#pragma once

#include "fusefs/attach/attaching.h"
#include "program/command_line.h"

namespace outboard::fusefs {

struct AttachConfig {
  bool attaches = true;
  Attachment what;
};

// Whether a command line is one of these, not a daemon's.
bool is_attach_line(int argc, const char* const* argv);
program::CommandLine<AttachConfig> read_attach_line(int argc, const char* const* argv);

}  // namespace outboard::fusefs
