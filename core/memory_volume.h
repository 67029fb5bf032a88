// MemoryVolume: one volume's rows as maps, behind the TreeSource that the rules read.
//
// Private to MemoryStore, which holds its lock around every call.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/admin.h"
#include "core/memory_tree.h"
#include "core/store.h"
#include "core/working_set.h"

namespace outboard {

// One kept version.
struct MemoryContent {
  std::shared_ptr<const std::string> bytes;
  bool chunked = false;
  bool passing = false;  // written under an ignored name
  VersionInfo info;
};

class MemoryVolume final : public TreeSource {
 public:
  MemoryVolume(Volume volume, Timestamp now);

  // ── TreeSource ──
  Result<std::optional<StoredNode>> node(Inode inode) override;
  Result<std::optional<StoredNode>> removed_node(Inode inode) override;
  Result<std::optional<Inode>> child(const Dentry& name) override;
  Result<Dentry> name_of(Inode inode) override;
  Result<std::vector<Dentry>> names_of(Inode inode) override;
  Result<std::vector<std::pair<std::string, Inode>>> children(Inode directory) override;
  Result<bool> has_children(Inode directory) override;
  Result<std::optional<StoredVersion>> version(Inode inode, Version version) override;
  Result<std::string> inline_content(Inode inode, Version version) override;
  Result<std::string> chunked_content(Inode inode, const StoredVersion& version,
                                      std::uint64_t offset, std::uint64_t size) override;
  Result<Sha256> digest(Inode inode, Version version) override;
  Result<Xattrs> xattrs(Inode inode) override;
  Result<Inode> allot_inode() override;

  // ── What the store reads beside that ──
  const Volume& volume() const { return volume_; }
  const MemoryTree& now() const { return now_; }
  // The tree behind change `seq`, before those that came after it. REQUIRES: oldest() - 1 <= seq.
  MemoryTree as_of(Seq seq) const;
  // A name of the node; parent 0 for the root and for removed nodes.
  Dentry dentry_of(Inode inode) const;
  // Version{0}: the current one. not_found.
  Result<const MemoryContent*> content(Inode inode, Version version) const;
  // As Store::paths() says, of now() or the tree as of `upto`. Looks through all of its names.
  std::vector<std::string> paths(const MemoryTree& tree, Inode inode, Seq upto) const;
  std::vector<VersionInfo> versions(Inode inode) const;
  // As of `seq`, as Store::xattrs() says. REQUIRES: oldest() - 1 <= seq.
  Result<Xattrs> xattrs_as_of(Inode inode, Seq seq) const;
  // Changes in seq order from `oldest()` to the head.
  const std::vector<Change>& log() const { return log_; }
  Seq oldest() const { return oldest_; }

  // ── Changing ──
  void change_settings(const VolumeSettings& settings) { take_settings(volume_, settings); }
  // Takes over what the rules made of this volume.
  void absorb(const WorkingSet& set);
  // Forgets changes up to `upto`, trees before it, and contents that only they can have shown.
  void prune(Seq upto);

 private:
  // Forgets what no history wants: passing versions before the one before `newest`, which may
  // still be read by who has the file open.
  void drop_passing(Inode inode, Version newest);
  void redact(const Redaction& redaction);

  Volume volume_;
  Inode last_inode_ = kRootInode;
  MemoryTree now_;
  MemoryTree base_;  // behind the last change that was forgotten: where the log begins
  std::map<Inode, std::set<Dentry>> names_of_;
  std::map<Inode, Xattrs> xattrs_;
  std::map<Inode, std::vector<FormerXattr>> formers_;  // by seq
  std::map<ContentKey, MemoryContent> contents_;
  std::vector<Change> log_;
  Seq oldest_{1};
};

}  // namespace outboard
