// A measurement's command line, and its parts one after the other.
#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "bench/figures.h"

namespace outboard::bench {

struct Options {
  int rounds = 0;
  std::chrono::milliseconds time{3'000};  // of each side in a round
  std::string directory = "/tmp";         // on the disk that the durable figures are of
  std::string memory = "/dev/shm";        // a tmpfs, where fsync costs nothing
  std::string only;                       // of the parts; empty: all
};

using Parts = std::vector<std::pair<std::string, void (*)(const Options&, Figures&)>>;

// Runs the parts that `words` ask for, `rounds` of each unless they say, and prints what was
// promised of them. An exit code; words that are not understood are named.
int run_parts(int rounds, const std::vector<std::string>& words, const Parts& parts);

// Of the machine's other work: /proc/loadavg.
std::string load_average();

}  // namespace outboard::bench
