#include "fusefs/volume/mountpoints.h"

#include <algorithm>

namespace outboard::fusefs {
namespace {

// InodeTable counts from 2, HistoryTable from twice this.
constexpr std::uint64_t kFirst = 1ULL << 61U;
constexpr std::uint32_t kMode = 0755;

using Row = std::pair<std::string, Shown>;

Attributes attributes(const View& view, Timestamp made) {
  Attributes attributes;
  attributes.mode = kMode & ~view.umask;
  attributes.uid = view.uid;
  attributes.gid = view.gid;
  attributes.links = 2;
  attributes.accessed = attributes.modified = attributes.changed = made;
  return attributes;
}

template <class Key, class Field>
std::optional<Shown> find_in(const std::vector<Row>& rows, const Key& key, Field field) {
  const auto found = std::ranges::find(rows, key, field);
  if (found == rows.end()) return std::nullopt;
  return found->second;
}

}  // namespace

Mountpoints::Mountpoints(const View& view, Timestamp made) : attributes_(attributes(view, made)) {
  for (const std::string& name : view.mountpoints) {
    if (name.empty()) rows_.with([](Rows& rows) { ++rows.next; });
    if (!name.empty()) add(name);
  }
}

bool Mountpoints::owns(NodeId id) {
  return id.value >= kFirst && id.value < 2 * kFirst;
}

std::optional<Shown> Mountpoints::find(std::string_view name) const {
  return rows_.with([&](const Rows& rows) { return find_in(rows.all, name, &Row::first); });
}

std::optional<Shown> Mountpoints::find(NodeId id) const {
  return rows_.with([&](const Rows& rows) {
    return find_in(rows.all, id, [](const Row& row) { return row.second.id; });
  });
}

std::vector<std::pair<std::string, Shown>> Mountpoints::all() const {
  return rows_.with([](const Rows& rows) { return rows.all; });
}

std::vector<std::string> Mountpoints::names() const {
  return rows_.with([](const Rows& rows) {
    std::vector<std::string> names(rows.next);
    for (const auto& [name, shown] : rows.all) names[shown.id.value - kFirst] = name;
    return names;
  });
}

bool Mountpoints::any() const {
  return rows_.with([](const Rows& rows) { return !rows.all.empty(); });
}

bool Mountpoints::add(std::string_view name) {
  return rows_.with([&](Rows& rows) {
    if (find_in(rows.all, name, &Row::first)) return false;
    const std::uint64_t id = kFirst + rows.next++;
    rows.all.emplace_back(name, Shown{NodeId{id}, id, Kind::directory, attributes_});
    return true;
  });
}

void Mountpoints::remove(std::string_view name) {
  rows_.with([&](Rows& rows) {
    std::erase_if(rows.all, [&](const Row& row) { return row.first == name; });
  });
}

void Mountpoints::post(std::vector<Notice> notices, Invalidator& to) const {
  rows_.with([&](const Rows& rows) {
    const auto is_place = [&](NodeId directory, const std::string& name) {
      return directory == kRootId && find_in(rows.all, name, &Row::first);
    };
    std::erase_if(notices, [&](const Notice& notice) {
      if (notice.kind == NoticeKind::all_names && !rows.all.empty()) {
        if (notice.delivered) notice.delivered->store(true);
        return true;
      }
      return notice.directory && is_place(notice.directory, notice.name);
    });
    for (Notice& notice : notices) {
      std::erase_if(notice.names,
                    [&](const auto& name) { return is_place(name.first, name.second); });
    }
    if (!notices.empty()) to.post(std::move(notices));
  });
}

Error is_mountpoint(std::string_view name) {
  return Error{Code::no_access, "another view stands here: work inside it", std::string(name)};
}

}  // namespace outboard::fusefs
