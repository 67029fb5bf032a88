// Rows of outboard.volumes as core's Volume.
#pragma once

#include "core/entry.h"
#include "server/postgres/rows.h"

namespace outboard::server {

// The columns that read_volume() reads, of volumes v and organisations o.
#define OUTBOARD_VOLUME_COLUMNS                                                        \
  "v.id, v.organisation, o.name || '/' || v.name, v.policy, v.strict, v.quota_bytes, " \
  "v.quota_nodes, v.used_bytes, v.used_nodes, v.head_seq, v.quota_versions, v.used_versions"
inline constexpr int kVolumeColumns = 12;

inline Volume read_volume(const Rows& rows, std::size_t row) {
  Volume volume;
  volume.id = VolumeId{rows.count(row, 0)};
  volume.organisation = rows.count(row, 1);
  volume.name = rows.text(row, 2);
  volume.policy = static_cast<Policy>(rows.number(row, 3));
  volume.strict = rows.flag(row, 4);
  volume.quota_bytes = rows.count(row, 5);
  volume.quota_nodes = rows.count(row, 6);
  volume.used_bytes = rows.count(row, 7);
  volume.used_nodes = rows.count(row, 8);
  volume.head = Seq{rows.count(row, 9)};
  volume.quota_versions = rows.count(row, 10);
  volume.used_versions = rows.count(row, 11);
  return volume;
}

}  // namespace outboard::server
