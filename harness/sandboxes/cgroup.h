// The cgroup of a sandbox's inner layer: what is frozen, and nothing else.
#pragma once

#include <string>

#include "core/result.h"

namespace outboard::harness {

// How a sandbox's processes are stopped. The first that the machine has, from the one given on.
enum class FreezeBy { cgroup2, cgroup1, signals };

// Makes `name` below this process' own cgroup and lets `user` freeze it. Empty: by signals.
std::string make_cgroup(FreezeBy from, const std::string& name, unsigned user);
// What freezing waits for may not keep it from dying. Nothing there: nothing done.
void thaw_cgroup(const std::string& path);
void remove_cgroup(const std::string& path);

}  // namespace outboard::harness
