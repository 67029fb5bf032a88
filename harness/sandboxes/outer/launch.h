// Starting one program of the outer layer under a uid of its own.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace outboard::harness {

struct Launch {
  std::vector<std::string> command;       // the first is the program's path
  uid_t user = 0;                         // its group has the same number
  std::vector<std::pair<int, int>> keep;  // descriptor here → its number there, above 2
  int program = -1;                       // which of `keep`'s numbers is run, not the first word
  std::vector<std::string> environment;   // "NAME=value", beside PATH
  std::vector<int> capabilities;          // kept by the program; none but for the mount daemon
  std::string log;                        // file for its standard output and error
  std::string cgroup;                     // directory it enters first; empty: stays
  std::uint64_t processes_max = 0;        // of its user; 0: as many as the machine has
};

// Answers the pid, or -1. No descriptor but `keep` is there.
pid_t launch(const Launch& plan);

}  // namespace outboard::harness
