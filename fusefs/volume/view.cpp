#include "fusefs/volume/view.h"

namespace outboard::fusefs {
namespace {

constexpr std::uint32_t kPermissionBits = 0777;
constexpr std::uint32_t kStickyBit = 01000;

}  // namespace

Shown show(const View& view, const Node& node, NodeId id, std::uint32_t generation) {
  Shown shown{id, shown_ino(node.inode, generation), node.kind, node.attributes};
  if (view.owners == Owners::stored) return shown;
  shown.attributes.uid = view.uid;
  shown.attributes.gid = view.gid;
  // No setuid or setgid: the owner shown is not the one who set them.
  const std::uint32_t kept = kStickyBit | (kPermissionBits & ~view.umask);
  if (!node.is(Kind::symlink)) shown.attributes.mode &= kept;
  return shown;
}

}  // namespace outboard::fusefs
