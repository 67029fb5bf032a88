// HistoryTable: which id of the kernel's shows what of `.history`. [S11]
//
// What is past does not change, so such an id shows the same for ever. A directory that shows the
// present (names, versions) does so as of the seq at which it was looked up: once the volume has
// moved on the next lookup gives a new id. So the kernel may keep what it lists and need not be
// told of anything but purged bytes.
//
// What always holds: no id is one of InodeTable's, none is given twice; a row lives while the
// kernel knows its id. Guarded by the volume's lock.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/store.h"
#include "fusefs/volume/invalidator.h"

namespace outboard::fusefs {

enum class HistoryShape : std::uint8_t {
  names,     // .history/DIRECTORY: what stands or stood in it, each as a directory
  versions,  // .history/FILE: its versions, each as a file
  past,      // .history/@SEQ and directories and symlinks below: the tree as it stood then
  bytes,     // one version
};

struct HistoryKey {
  HistoryShape shape = HistoryShape::names;
  Inode inode;
  Version version;  // of bytes
  Seq as_of;        // 0: of bytes that were come by as a version
  friend auto operator<=>(const HistoryKey&, const HistoryKey&) = default;
};

using NamedVersion = std::pair<std::string, VersionInfo>;
using NamedVersions = std::shared_ptr<const std::vector<NamedVersion>>;

// A name that was removed, and what stood there.
using RemovedName = std::pair<std::string, Node>;
using RemovedNames = std::shared_ptr<const std::vector<RemovedName>>;

struct HistoryRow {
  NodeId id;
  HistoryKey key;
  Node node;  // as shown: nothing may be written
  std::uint64_t lookups = 0;
  std::optional<VersionInfo> made;  // of bytes that were come by as a version
  NamedVersions versions;           // of versions, once they were asked for; oldest first
  std::string name;                 // of versions: what the file was called when it was found
  RemovedNames removed;             // of names, once they were asked for; newest first
  // Of past: as far as was listed.
  std::vector<Entry> listed;
  std::optional<std::string> listed_to = std::string();  // none: that is all
};

// Whether `.history` shows it as a directory of what it was.
bool has_history(const Node& node);
HistoryShape shape_now(const Node& node);

class HistoryTable {
 public:
  static bool owns(NodeId id);

  // Counts one lookup. `node` is as it is stored.
  HistoryRow& look_up(const HistoryKey& key, Node node);
  HistoryRow* find(NodeId id);
  void forget(NodeId id, std::uint64_t lookups);
  // Those that show bytes of the file.
  std::vector<NodeId> bytes_of(Inode inode) const;

  // Its parts, for another daemon (packed.h).
  template <class Pack>
  friend void describe(Pack& pack, HistoryTable& t) {
    pack(t.rows_, t.ids_, t.next_);
  }

 private:
  std::unordered_map<NodeId, HistoryRow> rows_;
  std::map<HistoryKey, NodeId> ids_;
  std::uint64_t next_ = 0;
};

// st_ino: the same for the same version or moment, whichever id it has by now.
std::uint64_t history_ino(const HistoryKey& key);
// read_only: what a change of anything below `.history` is answered.
Error past_is_fixed(NodeId id);
// "00000042-20260131T120000Z-ada.md": seq, time and author of a version of the file of that name.
std::string version_name(const VersionInfo& version, std::string_view file);
// Of "@42" the seq 42.
std::optional<Seq> past_of(std::string_view name);

}  // namespace outboard::fusefs
