#include "fusefs/volume/history_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <ctime>

namespace outboard::fusefs {
namespace {

constexpr std::uint64_t kFirst = 1ULL << 62U;  // InodeTable counts from 2
constexpr std::uint32_t kReadBits = 0444;
constexpr std::uint32_t kReadAndEnterBits = 0555;
constexpr std::size_t kAuthorBytesMax = 100;
constexpr std::size_t kExtensionBytesMax = 16;
constexpr std::int64_t kNanos = 1'000'000'000;

// Who may read a file may enter the directory of its versions.
std::uint32_t mode_of(HistoryShape shape, std::uint32_t mode) {
  if (shape != HistoryShape::versions) return mode & kReadAndEnterBits;
  return (mode & kReadBits) | ((mode & kReadBits) >> 2U);
}

std::string_view extension_of(std::string_view file) {
  const auto dot = file.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || file.size() - dot > kExtensionBytesMax)
    return {};
  return file.substr(dot);
}

std::string author_of(const VersionInfo& version) {
  std::string author = version.origin.principal.substr(0, kAuthorBytesMax);
  for (char& c : author) {
    if (c == '/' || static_cast<unsigned char>(c) < ' ') c = '_';
  }
  return author.empty() ? "unknown" : author;
}

std::string time_of(Timestamp at) {
  const std::time_t seconds = at.nanoseconds / kNanos;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", utc.tm_year + 1900, utc.tm_mon + 1,
                     utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

}  // namespace

bool has_history(const Node& node) {
  return node.is(Kind::directory) || node.is(Kind::file);
}

HistoryShape shape_now(const Node& node) {
  return node.is(Kind::directory) ? HistoryShape::names : HistoryShape::versions;
}

bool HistoryTable::owns(NodeId id) {
  return id.value >= kFirst;
}

HistoryRow& HistoryTable::look_up(const HistoryKey& key, Node node) {
  NodeId& id = ids_[key];
  if (!id) {
    id = NodeId{kFirst + next_++};
    if (key.shape == HistoryShape::names || key.shape == HistoryShape::versions) {
      node.kind = Kind::directory;
      node.attributes.size = 0;
      node.attributes.links = 1;  // how many directories it has is not counted
    }
    if (!node.is(Kind::symlink)) node.attributes.mode = mode_of(key.shape, node.attributes.mode);
    HistoryRow row;
    row.id = id;
    row.key = key;
    row.node = std::move(node);
    rows_[id] = std::move(row);
  }
  HistoryRow& row = rows_[id];
  ++row.lookups;
  return row;
}

HistoryRow* HistoryTable::find(NodeId id) {
  const auto found = rows_.find(id);
  return found == rows_.end() ? nullptr : &found->second;
}

void HistoryTable::forget(NodeId id, std::uint64_t lookups) {
  HistoryRow* row = find(id);
  if (row == nullptr) return;
  row->lookups -= std::min(row->lookups, lookups);
  if (row->lookups > 0) return;
  ids_.erase(row->key);
  rows_.erase(id);
}

std::vector<NodeId> HistoryTable::bytes_of(Inode inode) const {
  std::vector<NodeId> found;
  const HistoryKey first{HistoryShape::bytes, inode, {}, {}};
  for (auto at = ids_.lower_bound(first); at != ids_.end(); ++at) {
    if (at->first.shape != HistoryShape::bytes || at->first.inode != inode) break;
    found.push_back(at->second);
  }
  return found;
}

std::uint64_t history_ino(const HistoryKey& key) {
  constexpr std::uint64_t kSpread = 0x9e37'79b9'7f4a'7c15;
  std::uint64_t which = 0;
  if (key.shape == HistoryShape::bytes) which = 2 * key.version.value;
  if (key.shape == HistoryShape::past) which = 2 * key.as_of.value + 1;
  return kFirst | ((key.inode.value + which * kSpread) & (kFirst - 1));
}

Error past_is_fixed(NodeId id) {
  return Error{Code::read_only, "nothing below .history can be changed: copy it out to edit it",
               to_string(id)};
}

std::string version_name(const VersionInfo& version, std::string_view file) {
  return fmt::format("{:08}-{}-{}{}", version.seq.value, time_of(version.at), author_of(version),
                     extension_of(file));
}

std::optional<Seq> past_of(std::string_view name) {
  if (name.size() < 2 || name.front() != '@') return std::nullopt;
  Seq seq;
  const char* end = name.data() + name.size();
  const auto [rest, bad] = std::from_chars(name.data() + 1, end, seq.value);
  if (bad != std::errc{} || rest != end || name[1] == '0') return std::nullopt;
  return seq;
}

}  // namespace outboard::fusefs
