// ReplaceLine: what `outboard-harness replace-daemons` was told.
#pragma once

#include <string>
#include <vector>

#include "program/command_line.h"

namespace outboard::harness {

struct ReplaceConfig {
  std::string sandboxes;
  std::string programs;               // empty: beside this one
  std::vector<std::string> sessions;  // none: all
};

// Whether a command line is this one, not a harness's.
bool is_replace_line(int argc, const char* const* argv);
program::CommandLine<ReplaceConfig> read_replace_line(int argc, const char* const* argv);

}  // namespace outboard::harness
