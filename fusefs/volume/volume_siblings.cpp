// Reading ahead within a directory: files that a program is likely to read next come together.
// [S58]
#include "fusefs/volume/volume.h"

namespace outboard::fusefs {

// On the thread that reads `version`, which goes on to the store as if nobody had looked.
void MountedVolume::note_cold(const VersionRef& version) {
  if (version.size > kPrewarmFileBytesMax || !sibling_threads_.idle()) return;
  std::vector<VersionRef> next;
  {
    const Lock lock(mutex_);
    const TreeNode* node = state_.tree.find(version.inode);
    if (node == nullptr || node->node.version != version.version) return;  // of the past
    const auto name = state_.tree.name_of(version.inode);
    if (!name) return;
    const TreeNode* directory = state_.tree.find(name->parent);
    if (directory == nullptr || !directory->children) return;
    const auto wanted = [&](Inode inode) -> std::optional<std::uint64_t> {
      const Node& file = state_.tree.find(inode)->node;
      if (!file.is(Kind::file) || file.attributes.size == 0) return std::nullopt;
      if (file.attributes.size > kPrewarmFileBytesMax) return std::nullopt;
      if (blocks_.has_whole(version_of(file))) return std::nullopt;
      return file.attributes.size;
    };
    const auto found =
        state_.siblings.next(name->parent, name->name, directory->children->places, wanted);
    for (const Inode inode : found) next.push_back(version_of(state_.tree.find(inode)->node));
  }
  if (next.empty()) return;
  const auto claims = blocks_.claim(next);
  // What does not come so is asked for by whoever reads it.
  sibling_threads_.bring([this, claims] { (void)blocks_.bring_whole(claims, read_deadline()); });
}

}  // namespace outboard::fusefs
