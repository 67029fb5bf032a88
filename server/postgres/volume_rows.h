// Rows of outboard.volumes as core's Volume.
#pragma once

#include "core/entry.h"
#include "server/postgres/rows.h"

namespace outboard::server {

// The columns that read_volume() reads, of volumes v and organisations o.
#define OUTBOARD_VOLUME_COLUMNS                                                        \
  "v.id, v.organisation, o.name || '/' || v.name, v.policy, v.strict, v.quota_bytes, " \
  "v.quota_nodes, v.used_bytes, v.used_nodes, v.head_seq, v.pruned_seq, "              \
  "v.retention_versions, v.retention_seconds, v.retention_bytes, v.skill_lint, "       \
  "v.secret_scan, v.ignored, v.mode, v.second_reviewer, v.published_seq, "             \
  "v.published_revision, v.quota_versions, v.used_versions"
inline constexpr int kVolumeColumns = 23;

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
  volume.pruned = Seq{rows.count(row, 10)};
  volume.retention = {rows.count(row, 11), rows.count(row, 12), rows.count(row, 13)};
  volume.skill_lint = static_cast<Strictness>(rows.number(row, 14));
  volume.secret_scan = static_cast<Strictness>(rows.number(row, 15));
  volume.ignored = rows.text(row, 16);
  volume.mode = static_cast<VolumeMode>(rows.number(row, 17));
  volume.second_reviewer = rows.flag(row, 18);
  volume.published = Seq{rows.count(row, 19)};
  volume.revision = rows.count(row, 20);
  volume.quota_versions = rows.count(row, 21);
  volume.used_versions = rows.count(row, 22);
  return volume;
}

}  // namespace outboard::server
