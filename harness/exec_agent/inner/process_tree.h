// The descendants of this process, as the inner layer's /proc shows them.
//
// A host (command_host.h, shell_host.h) is a subreaper: whatever its command starts stays below it,
// also what has made itself a daemon, until the command has ended.
#pragma once

#include <sys/types.h>

#include <vector>

namespace outboard::harness {

std::vector<pid_t> descendants();

// Sends `number` to all of them. SIGKILL stops them first, again and again until there are no new
// ones: a tree that forks while it is killed must not get away.
void signal_descendants(int number);

// Stops (or continues) every process but this one. REQUIRES: this is init. False: some did not stop
// in time; then all go on.
bool stop_everything();
void continue_everything();

}  // namespace outboard::harness
