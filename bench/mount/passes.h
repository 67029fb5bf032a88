// Passes: what programs do to a whole tree, timed from outside.
#pragma once

#include <string>
#include <vector>

namespace outboard::bench {

struct Pass {
  std::string name;     // "find"
  std::string command;  // of a shell in the tree's root; $STATE is a directory of this side's own
};

// Those whose programs are here.
std::vector<Pass> all_passes();

double run_pass_ms(const Pass& pass, const std::string& root, const std::string& state);

// Microseconds of each of many calls on all files below `root`, by one process.
double stat_us(const std::string& root);
double open_read_close_us(const std::string& root);

}  // namespace outboard::bench
