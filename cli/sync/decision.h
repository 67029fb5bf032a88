// What is to be done about one path, by what both sides last had in common. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "cli/sync/folder.h"
#include "cli/sync/state.h"
#include "core/entry.h"

namespace outboard::sync {

struct Local {
  Found found;
  Sha256 digest;  // of a file's content or a symlink's target
};

struct Sides {
  std::optional<Record> base;  // what was common
  std::optional<Local> local;  // what is here
  std::optional<Node> remote;  // what is there
};

enum class Verdict : std::uint8_t {
  nothing,
  record,        // both are alike: that is common now
  forget,        // both are gone
  bring,         // there → here
  remove_here,   // it was removed there
  send,          // here → there
  remove_there,  // it was removed here
  both,          // changed here and there, and not alike
};

bool is_executable(const Node& node);
bool changed_here(const Sides& sides);
bool changed_there(const Sides& sides);

// An edit outlives a removal on the other side.
Verdict decide(const Sides& sides);

}  // namespace outboard::sync
