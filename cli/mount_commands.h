// `outboard mount`: a mount daemon on this machine: what it shows and how busy it is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/context.h"

namespace outboard::cli {

struct MountOptions {
  std::string control;             // its socket; empty: OUTBOARD_CONTROL
  std::string path;                // of `warm`: only what is at and below it; empty: all views
  std::string bytes;               // of `warm`: "64MiB"; empty: the daemon's own budget
  std::vector<std::string> seqs;   // of `barrier`: "acme/memory=42"; none: what the server has
  std::string token_file;          // of `renew-token`; "-": standard input
  std::vector<std::string> views;  // of `add` and `set`: "/memory=acme/memory:rw"
  std::vector<std::string> paths;  // of `remove`
  bool force = false;
};

// invalid: no socket was named.
Status show_mount(Context& context, const MountOptions& options);
Status warm_mount(Context& context, const MountOptions& options);
// Waits until the mount shows these seqs, and prints what it shows then, a volume a line. [S6]
Status await_mount(Context& context, const MountOptions& options);
// Each prints what is shown then, a view a line. [S62]
Status add_views(Context& context, const MountOptions& options);
Status remove_views(Context& context, const MountOptions& options);
Status set_views(Context& context, const MountOptions& options);
Status renew_mount_token(Context& context, const MountOptions& options);

}  // namespace outboard::cli
