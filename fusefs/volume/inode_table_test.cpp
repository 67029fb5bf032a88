#include "fusefs/volume/inode_table.h"

#include <gtest/gtest.h>

namespace outboard::fusefs {
namespace {

constexpr Inode kFile{7};

Node file_node() {
  Node node;
  node.inode = kFile;
  node.version = Version{1};
  return node;
}

TEST(InodeTable, AnIdIsNeverGivenTwice) {
  InodeTable table;
  const NodeId first = table.look_up(kFile, 0);
  EXPECT_EQ(table.look_up(kFile, 0), first);
  table.forget(first, 2);
  EXPECT_EQ(table.find(first), nullptr);
  EXPECT_NE(table.look_up(kFile, 0), first);
}

TEST(InodeTable, ARetiredIdKeepsItsVersionUntilForgotten) {
  InodeTable table;
  const NodeId old = table.look_up(kFile, 0);
  ASSERT_NE(table.retire(kFile, file_node()), nullptr);
  const NodeId now = table.look_up(kFile, 1);
  EXPECT_NE(now, old);
  EXPECT_EQ(table.find(old)->pinned->version, Version{1});
  EXPECT_EQ(table.find(old)->pinned->attributes.links, 0U);
  EXPECT_NE(shown_ino(kFile, 0), shown_ino(kFile, 1));
  table.forget(old, 1);
  EXPECT_EQ(table.find(old), nullptr);
  EXPECT_EQ(table.current(kFile), now);
}

TEST(InodeTable, AForgetThatOvertakesAReleaseIsHarmless) {
  InodeTable table;
  const NodeId id = table.look_up(kFile, 0);
  table.hold(id);
  table.forget(id, 1);
  ASSERT_NE(table.find(id), nullptr);
  table.release(id);
  EXPECT_EQ(table.find(id), nullptr);
}

TEST(InodeTable, TheRootStays) {
  InodeTable table;
  table.forget(kRootId, 1'000);
  EXPECT_EQ(table.current(kRootInode), kRootId);
  EXPECT_EQ(table.retire(kRootInode, {}), nullptr);
}

TEST(InodeTable, CanBeHandedOver) {
  InodeTable table;
  const NodeId old = table.look_up(kFile, 0);
  table.retire(kFile, file_node());
  const NodeId now = table.look_up(kFile, 1);
  InodeTable heir;
  heir.restore(table.rows(), table.next());
  EXPECT_EQ(heir.current(kFile), now);
  EXPECT_TRUE(heir.find(old)->pinned);
  EXPECT_GT(heir.look_up(Inode{8}, 0), now);
}

}  // namespace
}  // namespace outboard::fusefs
