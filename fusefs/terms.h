// Terms: what a daemon tells its successor before it stands still: all that it was told at its
// start and what it has become since. [S59, D34]
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/ids.h"
#include "core/result.h"
#include "fusefs/config.h"
#include "fusefs/confinement/privileges.h"
#include "fusefs/token_file.h"
#include "program/service_manager.h"

namespace outboard::fusefs {

struct Terms {
  FuseConfig config;  // but for what only a start needs, and where it logs
  TokenFile::Held token;
  ClientId client;
  std::uint32_t mounter_format = 0;
  pid_t mounter = 0;   // its process
  bool mounts = true;  // false: the views were handed in with --fuse-fd
  bool kernel_forgets = true;
  std::vector<std::string> told;  // paths of the views whose watchers are told of changes [S12]
  Capabilities told_with = 0;     // what their tellers may
  program::ServiceManager::Place manager;
  std::uint64_t handovers = 0;  // before this one
};

std::string pack_terms(const Terms& terms);
// corrupt: they cannot be read.
Result<Terms> read_terms(std::string_view text);

}  // namespace outboard::fusefs
