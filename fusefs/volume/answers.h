// What the verbs of MountedVolume take and answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/entry.h"
#include "fusefs/volume/open_file.h"
#include "fusefs/volume/view.h"

namespace outboard::fusefs {

struct AttributeChange {
  std::optional<std::uint32_t> mode;
  std::optional<std::uint32_t> uid;
  std::optional<std::uint32_t> gid;
  std::optional<std::uint64_t> size;
  std::optional<Timestamp> accessed;
  std::optional<Timestamp> modified;
};

struct Listed {
  std::string name;
  std::uint64_t cookie = 0;
  Shown shown;  // id 0: listed without attributes, nothing was looked up
};

struct Opened {
  HandleId handle;
  bool keep_cache = true;
  bool locked = false;  // programs of this mount hold locks in the file
};

// What the daemon holds of the volume, for those who look in.
struct Census {
  std::uint64_t nodes = 0, cached_bytes = 0, unsaved_bytes = 0, open_handles = 0;
  std::uint64_t waiting_locks = 0, held_locks = 0;
};

struct Prewarmed {
  std::uint64_t files = 0, bytes = 0;
};

struct Space {
  std::uint64_t bytes = 0, bytes_free = 0, nodes = 0, nodes_free = 0;
};

}  // namespace outboard::fusefs
