// SandboxRecord: what is kept on disk of a session's sandbox, so that any harness on this host
// finds it again, and so that nothing it left is forgotten.
#pragma once

#include <optional>
#include <string>

#include "core/ids.h"
#include "core/result.h"
#include "harness/sandboxes/process.h"

namespace outboard::harness {

struct SandboxRecord {
  Generation generation;
  unsigned first_user = 0;  // of three: mount daemon, exec agent, commands
  ProcessId outer;          // pid 1 of its outer layer; 0: it was never begun
  std::string cgroup;       // of its inner layer; empty: none
};

std::optional<SandboxRecord> read_record(const std::string& file);
// At once and durably.
Status write_record(const std::string& file, const SandboxRecord& record);

}  // namespace outboard::harness
