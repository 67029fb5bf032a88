// FolderWatch: what inotify tells of a folder, as paths. Nothing is read here: who hears of a path
// looks at it. A directory that appears, or a queue that ran over, is to be scanned.
//
// Directories are watched by descriptor, so a watch never leads out of the folder. One thread.
#pragma once

#include <map>
#include <set>
#include <string>
#include <unordered_map>

#include "cli/sync/folder.h"
#include "core/result.h"

namespace outboard::sync {

struct FolderNews {
  std::set<std::string> paths;        // something happened to what stands there
  std::set<std::string> directories;  // came into being or was moved here: unknown below
  bool lost = false;                  // events were: everything is unknown

  bool empty() const { return paths.empty() && directories.empty() && !lost; }
};

class FolderWatch {
 public:
  // no_space: the machine's limits on inotify are used up.
  static Result<FolderWatch> create();

  int fd() const { return fd_.get(); }
  // Before the directory is listed, so that nothing is missed. Does nothing when it is watched.
  // With "/" it is heard, too, that the folder leaves the directory above: fd() can be read then,
  // and take() has nothing to tell of it.
  Status add(const Folder& folder, const std::string& path);
  void forget_below(const std::string& path);
  // What has arrived; does not wait.
  Result<FolderNews> take();

 private:
  explicit FolderWatch(Fd fd) : fd_(std::move(fd)) {}

  Fd fd_;
  std::unordered_map<int, std::string> paths_;
  std::map<std::string, int> watches_;
};

}  // namespace outboard::sync
