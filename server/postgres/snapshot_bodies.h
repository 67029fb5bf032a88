// The contents of small files that travel with a snapshot, of today's tree or of a past one.
#pragma once

#include <cstdint>

#include "core/store.h"
#include "server/postgres/connection.h"

namespace outboard::server {

// Adds to `part` the bodies of its small files, while `budget` lasts, and takes them from it.
// Versions that are redacted or gone add nothing.
Status add_bodies(Connection& connection, const Call& call, VolumeId volume, SnapshotPart& part,
                  std::uint64_t& budget);

}  // namespace outboard::server
