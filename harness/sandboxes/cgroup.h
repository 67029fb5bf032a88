// The cgroup of a sandbox's inner layer: what is frozen, and nothing else.
#pragma once

#include <string>

#include "core/result.h"

namespace outboard::harness {

// Makes `name` below this process' own cgroup, version 2 where it is mounted, else the v1 freezer,
// and lets `user` freeze it. Empty: this machine lets us do neither.
std::string make_cgroup(const std::string& name, unsigned user);
// What freezing waits for may not keep it from dying. Nothing there: nothing done.
void thaw_cgroup(const std::string& path);
void remove_cgroup(const std::string& path);

}  // namespace outboard::harness
