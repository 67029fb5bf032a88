// Watchers: thousands of connections that only listen, as frozen or quiet sandboxes do, and what
// each of them costs the server.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "bench/site.h"

namespace outboard::bench {

// Kilobytes of the server's memory for each of `count` idle watchers, each subscribed over its own
// TCP connection, from a process of their own.
double watcher_kb(Site& site, VolumeId volume, std::size_t count);

// The life of that process: `arguments` as watcher_kb() gives them. Its exit code.
int watch_as_told(const std::vector<std::string>& arguments);

}  // namespace outboard::bench
