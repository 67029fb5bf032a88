// Fetching a tree's files: many small ones at once, large ones in parts, never whole in memory.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/context.h"
#include "cli/local_files.h"
#include "core/store.h"

namespace outboard::cli {

struct FetchedFile {
  std::string path;  // in the target folder
  Node node;
};

struct FetchWatch {
  std::function<void(const std::string&)> show;
  std::function<void(std::uint64_t files, std::uint64_t bytes)> advance;
  // The digest of what was written.
  std::function<void(const FetchedFile&, const Sha256&)> done;
};

// Writes each file with its mode and user.* attributes; what stood at its path goes.
Status fetch_files(Context& context, Store& store, VolumeId volume,
                   const std::vector<FetchedFile>& files, TargetFolder& target,
                   const FetchWatch& watch);

}  // namespace outboard::cli
