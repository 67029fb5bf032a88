#include "server/pointers.h"

#include <algorithm>

#include "core/limits.h"

namespace outboard::server {

void Pointers::put(Table& table, VolumeId volume, const Pointer& pointer) {
  if (table.entries.size() >= kAccessVolumesMax) table.entries.clear();
  Entry& entry = table.entries[volume];
  const bool same_mode = entry.until != Moment{} && entry.pointer.mode == pointer.mode;
  const Seq seq = same_mode ? std::max(entry.pointer.seq, pointer.seq) : pointer.seq;
  entry = Entry{{pointer.mode, seq}, std::chrono::steady_clock::now() + kProgressInterval};
}

Result<Pointer> Pointers::of(VolumeId volume, Moment deadline) {
  for (;;) {
    std::uint64_t news = 0;
    const auto fresh = table_.with([&](Table& table) -> std::optional<Pointer> {
      news = table.news;
      const auto found = table.entries.find(volume);
      if (found == table.entries.end()) return std::nullopt;
      if (found->second.until <= std::chrono::steady_clock::now()) return std::nullopt;
      return found->second.pointer;
    });
    if (fresh) return *fresh;
    auto read = reader_.pointer(volume, deadline);
    if (!read) return read;
    const bool kept = table_.with([&](Table& table) {
      if (table.news != news) return false;  // it may be older than what was just heard
      put(table, volume, *read);
      return true;
    });
    if (kept) return read;
    if (std::chrono::steady_clock::now() >= deadline) return read;
  }
}

std::optional<Pointer> Pointers::known(VolumeId volume) {
  return table_.with([&](Table& table) -> std::optional<Pointer> {
    const auto found = table.entries.find(volume);
    if (found == table.entries.end()) return std::nullopt;
    return found->second.pointer;
  });
}

void Pointers::moved(VolumeId volume, const Pointer& pointer) {
  table_.with([&](Table& table) {
    ++table.news;
    put(table, volume, pointer);
  });
}

void Pointers::doubt() {
  table_.with([](Table& table) {
    ++table.news;
    for (auto& [volume, entry] : table.entries) entry.until = std::min(entry.until, Moment{} + 1ns);
  });
}

}  // namespace outboard::server
