// log: what happened in a volume, or to one file: seq, time, who, what.
#pragma once

#include <cstdint>
#include <string>

#include "cli/context.h"
#include "cli/json_output.h"

namespace outboard::cli {

struct LogOptions {
  std::string path;    // empty: the whole volume
  std::string volume;  // empty: <organisation>/memory
  std::uint32_t limit = 20;
  std::uint64_t before = 0;  // only changes ahead of this seq; 0: from the newest
  std::string since;         // a seq or a time; empty: from the first
  std::string session;       // only by them; empty: by any
  std::string op;
  std::string author;
};
// A change as the JSON of every command has it.
Json json_of(const Change& change);

// Newest first.
Status show_log(Context& context, const LogOptions& options);

}  // namespace outboard::cli
