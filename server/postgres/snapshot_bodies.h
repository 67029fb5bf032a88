// The contents of small files that travel with a snapshot, of today's tree or of a past one.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/store.h"
#include "server/postgres/connection.h"

namespace outboard::server {

// Hands the entries to `take`, with the bodies of small files while `budget` lasts, from which they
// are taken. What carries bodies goes in slices of about kPartBytes: one is on its way while
// Postgres reads the next. Versions that are redacted or gone have no body.
Status take_with_bodies(Connection& connection, const Call& call, VolumeId volume,
                        std::vector<Entry> entries, std::uint64_t& budget,
                        const std::function<void(SnapshotPart)>& take);

}  // namespace outboard::server
