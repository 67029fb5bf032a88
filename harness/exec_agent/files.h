// Files: the workspace's files for the read, write and edit tools.
//
// Agent → Files → host_read_file / host_write_file. Every path is opened by a process of the
// model's user inside the model's mount namespace, and below the workspace only (RESOLVE_BENEATH):
// the agent, which sees more, opens none. What it gets is a descriptor. Any thread; may wait for
// the disk.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/digest.h"
#include "core/result.h"
#include "harness/exec_agent/descriptor.h"
#include "harness/exec_agent/inner_link.h"

namespace outboard::harness {

struct OpenedFile {
  Descriptor file;
  std::uint64_t size = 0;
  Sha256 digest;  // of the whole
};

struct WorkspaceWrite {
  std::string path;
  std::string bytes;
  std::optional<Sha256> expected;  // a zero digest: nothing is there
  std::uint32_t mode = 0;          // for a new file; 0: 0644
};

struct WorkspaceWritten {
  Sha256 digest;
  bool unchanged = false;
};

class Files {
 public:
  explicit Files(InnerLink& inner) : inner_(inner) {}

  // not_found, is_directory, invalid (a path that leads out of the workspace, or no plain file).
  Result<OpenedFile> open(const std::string& path);
  // Whole or not at all; its directories are made. conflict: not as expected; but the wanted bytes
  // themselves are always fine, so that it can be repeated.
  Result<WorkspaceWritten> write(const WorkspaceWrite& wanted);

 private:
  Result<Descriptor> converse(InnerKind kind, const std::string& path, InnerAnswer& answer);

  InnerLink& inner_;
};

// Bytes [offset, offset + size) of `file`, less at its end. unavailable: the disk.
Result<std::string> read_part(int file, std::uint64_t offset, std::size_t size);

}  // namespace outboard::harness
