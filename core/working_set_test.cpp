// The set over one volume's rows: reading through, undoing to a savepoint, differences.
#include "core/working_set.h"

#include <gtest/gtest.h>

#include "core/commit.h"
#include "core/memory_volume.h"

namespace outboard {
namespace {

constexpr Timestamp kThen{1'000};
constexpr Timestamp kNow{2'000};

class WorkingSetTest : public ::testing::Test {
 protected:
  WorkingSetTest() {
    Publish publish;
    publish.at = {NodeRef{"/d/e"}, "f"};
    publish.bytes = "one";
    publish.parents = true;
    WorkingSet first(tree_, tree_.volume(), kThen);
    EXPECT_TRUE(run(first, publish));
    tree_.absorb(first);
  }

  static Result<Applied> run(WorkingSet& set, std::vector<Op> ops) {
    Batch batch;
    for (Op& op : ops) batch.steps.push_back(Step{std::move(op), {}});
    return apply_batch(set, Origin{}, batch);
  }
  static Result<Applied> run(WorkingSet& set, Op op) {
    return run(set, std::vector<Op>{std::move(op)});
  }

  MemoryVolume tree_{Volume{}, kThen};
};

TEST_F(WorkingSetTest, ARefusedBatchLeavesNothingBehind) {
  WorkingSet set(tree_, tree_.volume(), kNow);
  const Seq before = set.volume().head;
  auto refused =
      run(set, {Append{NodeRef{"/d/e/f"}, "!"}, SetXattr{NodeRef{"/d/e/f"}, "user.a", "1", {}},
                Rename{{NodeRef{"/d"}, "e"}, {NodeRef{"/"}, "g"}, {}, {}},
                Unlink{{NodeRef{"/"}, "none"}}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().step, 3U);
  EXPECT_TRUE(set.empty());
  EXPECT_TRUE(set.contents().empty());
  EXPECT_TRUE(set.moves().empty());
  EXPECT_TRUE(set.changed_nodes().empty());
  EXPECT_TRUE(set.changed_names().empty());
  EXPECT_TRUE(set.changed_xattrs().empty());
  EXPECT_EQ(set.volume().head, before);
  EXPECT_EQ(set.volume(), tree_.volume());
}

TEST_F(WorkingSetTest, ManyWritesToAPathAreOneRowAndAVersionEach) {
  WorkingSet set(tree_, tree_.volume(), kNow);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(run(set, Append{NodeRef{"/d/e/f"}, "+"}));
  ASSERT_EQ(set.changed_nodes().size(), 1U);
  EXPECT_EQ(set.changed_nodes().front().first.node.version, Version{6});
  EXPECT_EQ(set.contents().size(), 5U);
  EXPECT_EQ(set.changes().size(), 5U);
  EXPECT_TRUE(set.changed_names().empty());
}

TEST_F(WorkingSetTest, LaterBatchesSeeEarlierOnesOfTheirGroup) {
  WorkingSet set(tree_, tree_.volume(), kNow);
  ASSERT_TRUE(run(set, Append{NodeRef{"/d/e/f"}, " two"}));
  ASSERT_FALSE(run(set, {Append{NodeRef{"/d/e/f"}, " lost"}, Unlink{{NodeRef{"/"}, "none"}}}));
  auto last = run(set, Append{NodeRef{"/d/e/f"}, " three"});
  ASSERT_TRUE(last);
  EXPECT_EQ(last->outcomes[0].node.version, Version{3});
  const auto file = last->outcomes[0].node.inode;
  EXPECT_EQ(*set.inline_content(file, Version{3}), "one two three");
  EXPECT_EQ(*set.inline_content(file, Version{1}), "one");
  EXPECT_EQ(set.changes().size(), 2U);
  EXPECT_EQ(set.changes().back().seq.value, tree_.volume().head.value + 2);
}

TEST_F(WorkingSetTest, PathsFollowARenameInTheSameSet) {
  WorkingSet set(tree_, tree_.volume(), kNow);
  ASSERT_TRUE(run(set, Rename{{NodeRef{"/"}, "d"}, {NodeRef{"/"}, "z"}, {}, {}}));
  ASSERT_TRUE(run(set, MakeDirectory{{NodeRef{"/z/e"}, "new"}}));
  EXPECT_EQ(set.changes().back().path, "/z/e/new");
  ASSERT_EQ(set.moves().size(), 1U);
  EXPECT_EQ(set.moves()[0].from, "/d");
  EXPECT_EQ(set.moves()[0].to, "/z");
  const auto inode = *set.child(Dentry{kRootInode, "z"});
  ASSERT_TRUE(inode);
  EXPECT_EQ(*set.path_of(*inode), "/z");
}

TEST_F(WorkingSetTest, WhatCameAndWentInOneSetIsNoName) {
  WorkingSet set(tree_, tree_.volume(), kNow);
  ASSERT_TRUE(run(set, {CreateFile{{NodeRef{"/"}, "tmp"}}, Unlink{{NodeRef{"/"}, "tmp"}}}));
  EXPECT_TRUE(set.changed_names().empty());
  bool removed = false;
  for (const auto& [stored, created] : set.changed_nodes()) {
    removed = removed || (created && stored.node.removed());
  }
  EXPECT_TRUE(removed);
  EXPECT_EQ(set.volume().used_nodes, tree_.volume().used_nodes);
}

TEST_F(WorkingSetTest, ChildrenAreThoseOfSourceAndSetTogether) {
  WorkingSet set(tree_, tree_.volume(), kNow);
  ASSERT_TRUE(run(set, {CreateFile{{NodeRef{"/d/e"}, "g"}}, Unlink{{NodeRef{"/d/e"}, "f"}}}));
  const auto d = *set.child(Dentry{kRootInode, "d"});
  const auto e = *set.child(Dentry{*d, "e"});
  const auto children = *set.children(*e);
  ASSERT_EQ(children.size(), 1U);
  EXPECT_EQ(children[0].first, "g");
  ASSERT_TRUE(run(set, Unlink{{NodeRef{"/d/e"}, "g"}}));
  EXPECT_FALSE(*set.has_children(*e));
  EXPECT_TRUE(run(set, RemoveDirectory{{NodeRef{"/d"}, "e"}}));
}

}  // namespace
}  // namespace outboard
