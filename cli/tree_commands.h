// push and pull: whole trees, between a folder, a git repository or a tar archive and any volume.
#pragma once

#include <string>
#include <vector>

#include "cli/context.h"

namespace outboard::cli {

struct TreePushOptions {
  std::string source;  // a folder, REPO[//FOLDER][@REF], or "-"
  std::string place;   // VOLUME[:PATH]
  std::vector<std::string> excluded;
  bool clutter = false;
  bool remove = false;  // what is not here goes there
  bool force = false;   // also over what others changed
  bool dry_run = false;
};
// Sends what differs. conflict: files that somebody else changed since this folder and the volume
// last met; they are listed, and nothing is sent.
Status push_tree(Context& context, const TreePushOptions& options);

struct TreePullOptions {
  std::string place;
  std::string folder;  // "-": a tar archive on standard output
  std::vector<std::string> excluded;
  bool remove = false;  // what is gone there goes here, unless it was changed here
  bool force = false;   // also over what was changed here
  bool dry_run = false;
};
// Brings what differs. conflict: files that were changed here and there; they are listed, and
// nothing is written.
Status pull_tree(Context& context, const TreePullOptions& options);

}  // namespace outboard::cli
