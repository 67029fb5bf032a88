// sync: a folder and a volume, or a part of one, kept in step both ways: for where there is no
// FUSE. The work is done in cli/sync; here are the options, the signals and what is said of it.
#pragma once

#include <string>
#include <vector>

#include "cli/context.h"

namespace outboard::cli {

struct FolderSyncOptions {
  std::string place;  // VOLUME[:PATH]
  std::string folder;
  std::vector<std::string> excluded;
  bool clutter = false;
  bool once = false;          // one pass
  bool accept_empty = false;  // a folder that was emptied empties the volume
};

// Until SIGINT or SIGTERM, or for one pass.
Status sync_folder(Context& context, const FolderSyncOptions& options);

}  // namespace outboard::cli
