// `outboard mount`: a mount daemon on this machine: what it shows and how busy it is.
#pragma once

#include <cstdint>
#include <string>

#include "cli/context.h"

namespace outboard::cli {

struct MountOptions {
  std::string control;  // its socket; empty: OUTBOARD_CONTROL
  std::string path;     // of `warm`: only what is at and below it; empty: all views
  std::string bytes;    // of `warm`: "64MiB"; empty: the daemon's own budget
};

// invalid: no socket was named.
Status show_mount(Context& context, const MountOptions& options);
Status warm_mount(Context& context, const MountOptions& options);

}  // namespace outboard::cli
