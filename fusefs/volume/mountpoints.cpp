#include "fusefs/volume/mountpoints.h"

#include <algorithm>

namespace outboard::fusefs {
namespace {

// InodeTable counts from 2, HistoryTable from twice this.
constexpr std::uint64_t kFirst = 1ULL << 61U;
constexpr std::uint32_t kMode = 0755;

}  // namespace

Mountpoints::Mountpoints(const View& view, Timestamp made) {
  for (const std::string& name : view.mountpoints) {
    const std::uint64_t id = kFirst + all_.size();
    Attributes attributes;
    attributes.mode = kMode & ~view.umask;
    attributes.uid = view.uid;
    attributes.gid = view.gid;
    attributes.links = 2;
    attributes.accessed = attributes.modified = attributes.changed = made;
    all_.emplace_back(name, Shown{NodeId{id}, id, Kind::directory, attributes});
  }
}

bool Mountpoints::owns(NodeId id) {
  return id.value >= kFirst && id.value < 2 * kFirst;
}

const Shown* Mountpoints::find(std::string_view name) const {
  const auto found = std::ranges::find(all_, name, [](const auto& one) { return one.first; });
  return found == all_.end() ? nullptr : &found->second;
}

const Shown* Mountpoints::find(NodeId id) const {
  const auto found = std::ranges::find(all_, id, [](const auto& one) { return one.second.id; });
  return found == all_.end() ? nullptr : &found->second;
}

Error is_mountpoint(std::string_view name) {
  return Error{Code::no_access, "another view stands here: work inside it", std::string(name)};
}

}  // namespace outboard::fusefs
