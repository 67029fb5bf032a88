// What a view says of itself when it is asked.
#include "fusefs/volume/volume.h"

namespace outboard::fusefs {

Census MountedVolume::census() const {
  const std::uint64_t cached = blocks_.bytes();
  Lock lock(mutex_);
  Census census;
  census.nodes = state_.tree.nodes();
  census.cached_bytes = cached;
  census.open_handles = state_.handles.size();
  census.waiting_locks = state_.waits.size();
  for (const auto& [id, file] : state_.files) census.unsaved_bytes += file.bytes_held();
  for (const auto& [key, held] : state_.locks) census.held_locks += held.table.held().size();
  return census;
}

void MountedVolume::measure(Figures& to, const Labels& view) const {
  const Census now = census();
  const std::uint64_t shown = seq().value;
  const std::uint64_t told = head().value;
  const auto level = [&](std::string_view name, std::string_view help, std::uint64_t value) {
    to.level(name, help, static_cast<double>(value), view);
  };
  level("outboard_mount_seq", "Changes up to here are shown.", shown);
  level("outboard_mount_lag_changes", "Changes that the server has told of and are not shown yet.",
        told > shown ? told - shown : 0);
  level("outboard_mount_stale", "1: cut off from the server, only what is cached can be read.",
        stale() ? 1 : 0);
  level("outboard_mount_nodes", "Files, directories and symlinks whose names are held.", now.nodes);
  level("outboard_mount_unsaved_bytes", "Written, and not published yet.", now.unsaved_bytes);
  level("outboard_mount_open_files", "Open files, as far as the kernel tells of them.",
        now.open_handles);
  level("outboard_mount_locks_held", "Byte ranges and files that programs hold locked.",
        now.held_locks);
  level("outboard_mount_locks_waiting", "Locks that programs wait for.", now.waiting_locks);
  if (tells()) {
    to.count("outboard_mount_untold_changes_total",
             "Changes made elsewhere that watchers were not told of, as too many waited.",
             untold_.value(), view);
  }
  blocks_.measure(to, view);
  publishes_.measure(to, view);
}

}  // namespace outboard::fusefs
