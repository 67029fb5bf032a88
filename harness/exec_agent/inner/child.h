// A program started by a host: fork, then exec, with word of what went wrong in between.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

namespace outboard::harness {

struct ChildPlan {
  std::vector<std::string> arguments;
  std::vector<std::string> environment;  // "NAME=value", over our own
  std::string directory;
  int output = -1;                        // becomes 1 and 2; -1: /dev/null
  std::vector<std::pair<int, int>> keep;  // descriptor here → its number there, above 2
};

// A session of its own, standard input empty, signals as at birth. Answers the pid, or -1 and
// errno.
pid_t start_child(const ChildPlan& plan);

// A descriptor that is readable when a child has changed its state; children of ours stay unreaped
// until then, and ours alone: becomes the subreaper of all that it starts.
int watch_children();

}  // namespace outboard::harness
