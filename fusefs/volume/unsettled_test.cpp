// What a mount of a strict volume waits for before it shows what it has heard of. [S7]
#include "fusefs/volume/unsettled.h"

#include <gtest/gtest.h>

#include "core/limits.h"

namespace outboard::fusefs {
namespace {

constexpr Moment kStart{};
constexpr Inode kDirectory{7};

Change change(std::uint64_t seq, std::uint64_t inode, const std::string& name = "") {
  Change made;
  made.seq = Seq{seq};
  made.node.inode = Inode{inode};
  if (!name.empty()) made.after = Dentry{kDirectory, name};
  return made;
}

TEST(Unsettled, WhatNobodyChangedWaitsForNothing) {
  Unsettled unsettled;
  unsettled.note(change(5, 1, "f"), kStart);
  EXPECT_EQ(unsettled.of_node(Inode{2}), Seq{});
  EXPECT_EQ(unsettled.of_name(kDirectory, "g"), Seq{});
  EXPECT_EQ(unsettled.of_names_in(Inode{8}), Seq{});
}

TEST(Unsettled, ANodeANameAndItsDirectoryWaitForTheirLastChange) {
  Unsettled unsettled;
  unsettled.note(change(5, 1, "f"), kStart);
  unsettled.note(change(6, 1), kStart);
  EXPECT_EQ(unsettled.of_node(Inode{1}), Seq{6});
  EXPECT_EQ(unsettled.of_name(kDirectory, "f"), Seq{5});
  EXPECT_EQ(unsettled.of_names_in(kDirectory), Seq{5});
  unsettled.settled(Seq{5});
  EXPECT_EQ(unsettled.of_node(Inode{1}), Seq{6});
  EXPECT_EQ(unsettled.of_names_in(kDirectory), Seq{});
  EXPECT_FALSE(unsettled.holds(Seq{5}));
  EXPECT_TRUE(unsettled.holds(Seq{6}));
  unsettled.settled(Seq{9});
  unsettled.note(change(8, 1, "f"), kStart);  // its own mount's, answered ahead of the feed
  EXPECT_EQ(unsettled.of_node(Inode{1}), Seq{});
}

TEST(Unsettled, WhatARenameDisplacedAndBothItsNamesWait) {
  Unsettled unsettled;
  Change moved = change(5, 1, "to");
  moved.before = Dentry{Inode{8}, "from"};
  moved.other = Displaced{Inode{2}, 0, false};
  unsettled.note(moved, kStart);
  EXPECT_EQ(unsettled.of_node(Inode{2}), Seq{5});
  EXPECT_EQ(unsettled.of_names_in(Inode{8}), Seq{5});
  EXPECT_EQ(unsettled.of_names_in(kDirectory), Seq{5});
}

TEST(Unsettled, ALeaseAfterItCameEverythingIsSettled) {
  Unsettled unsettled;
  unsettled.note(change(5, 1), kStart);
  unsettled.note(change(6, 2), kStart + kStrictLease / 2);
  EXPECT_EQ(unsettled.lapse(Seq{5}), kStart + kStrictLease);
  EXPECT_EQ(unsettled.lapse(Seq{6}), kStart + kStrictLease / 2 + kStrictLease);
  unsettled.pass(kStart + kStrictLease);
  EXPECT_EQ(unsettled.of_node(Inode{1}), Seq{});
  EXPECT_EQ(unsettled.of_node(Inode{2}), Seq{6});
  unsettled.pass(kStart + 2 * kStrictLease);
  EXPECT_EQ(unsettled.of_node(Inode{2}), Seq{});
}

TEST(Unsettled, WhoHasJustBegunKnowsOfNothingHowItCame) {
  Unsettled unsettled;
  unsettled.begin(Seq{9}, kStart);
  unsettled.note(change(10, 1), kStart + kStrictLease / 2);
  EXPECT_EQ(unsettled.of_node(Inode{1}), Seq{10});
  EXPECT_EQ(unsettled.of_node(Inode{2}), Seq{9});
  EXPECT_EQ(unsettled.of_name(kDirectory, "f"), Seq{9});
  EXPECT_EQ(unsettled.lapse(Seq{9}), kStart + kStrictLease);
  unsettled.pass(kStart + kStrictLease);
  EXPECT_EQ(unsettled.of_node(Inode{2}), Seq{});
  EXPECT_EQ(unsettled.of_node(Inode{1}), Seq{10});
}

// How far the feed has come: behind a mark in the place of what is hidden from here.
TEST(Unsettled, S7_ASeqThatNoChangeHereHasWaitsForWhatCameBeforeIt) {
  Unsettled unsettled;
  unsettled.begin(Seq{90}, kStart);
  EXPECT_TRUE(unsettled.holds(Seq{91}));
  EXPECT_EQ(unsettled.lapse(Seq{91}), kStart + kStrictLease);
  const Moment later = kStart + 2 * kStrictLease;
  unsettled.note(change(95, 1), later);
  unsettled.note(change(98, 2), later + kStrictLease / 2);
  EXPECT_FALSE(unsettled.holds(Seq{94})) << "nothing was there";
  EXPECT_EQ(unsettled.lapse(Seq{96}), later + kStrictLease);
  EXPECT_EQ(unsettled.lapse(Seq{99}), later + kStrictLease / 2 + kStrictLease);
  unsettled.pass(later + kStrictLease);
  EXPECT_FALSE(unsettled.holds(Seq{96}));
  EXPECT_TRUE(unsettled.holds(Seq{99}));
  unsettled.settled(Seq{99});
  EXPECT_FALSE(unsettled.holds(Seq{99}));
}

}  // namespace
}  // namespace outboard::fusefs
