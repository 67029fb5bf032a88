// The rules where a store's outside does not show them: verdicts, and how edits are kept.
#include "core/commit.h"

#include <gtest/gtest.h>

#include "core/limits.h"
#include "core/memory_volume.h"

namespace outboard {
namespace {

class CommitTest : public ::testing::Test {
 protected:
  explicit CommitTest(Policy policy = Policy::last_writer) : tree_(named(policy), Timestamp{1}) {}

  static Volume named(Policy policy) {
    Volume volume;
    volume.name = "acme/test";
    volume.policy = policy;
    return volume;
  }
  // Applies and absorbs; the edit that was made, if one was.
  std::optional<ContentEdit> run(Op op) {
    WorkingSet set(tree_, tree_.volume(), Timestamp{2});
    Batch batch;
    batch.steps.push_back(Step{std::move(op), {}});
    auto applied = apply_batch(set, Origin{}, batch);
    if (!applied) {
      refused_ = applied.error();
      return {};
    }
    tree_.absorb(set);
    if (set.contents().empty()) return {};
    return set.contents().back();
  }
  std::optional<ContentEdit> put(std::string bytes) {
    Publish publish;
    publish.at = {NodeRef{"/"}, "f"};
    publish.bytes = std::move(bytes);
    return run(publish);
  }
  static Write write_at(std::uint64_t offset, std::string bytes) {
    Write write;
    write.node = NodeRef{"/f"};
    write.extents.push_back(Extent{offset, std::move(bytes)});
    return write;
  }

  MemoryVolume tree_;
  Error refused_;
};

class MergingTest : public CommitTest {
 protected:
  MergingTest() : CommitTest(Policy::merge) {}
};

TEST(Judge, KnowsTheThreeVerdicts) {
  EXPECT_EQ(judge(Policy::refuse, {}, Version{3}), Verdict::clean);
  EXPECT_EQ(judge(Policy::refuse, Version{3}, Version{3}), Verdict::clean);
  EXPECT_EQ(judge(Policy::refuse, Version{2}, Version{3}), Verdict::refused);
  EXPECT_EQ(judge(Policy::merge, Version{2}, Version{3}), Verdict::refused);
  EXPECT_EQ(judge(Policy::last_writer, Version{0}, Version{3}), Verdict::override_flagged);
}

TEST_F(CommitTest, SmallContentIsKeptInlineWithItsDigest) {
  const auto edit = put(std::string(kInlineBytesMax, 'x'));
  ASSERT_TRUE(edit && edit->bytes);
  EXPECT_EQ(edit->digest, sha256(*edit->bytes));
  EXPECT_EQ(edit->size, kInlineBytesMax);
}

TEST_F(CommitTest, LargeContentIsOneExtentOnNothing) {
  const auto edit = put(std::string(kInlineBytesMax + 1, 'x'));
  ASSERT_TRUE(edit);
  EXPECT_FALSE(edit->bytes);
  EXPECT_EQ(edit->base, Version{});
  ASSERT_EQ(edit->extents.size(), 1U);
  EXPECT_EQ(edit->digest, sha256(edit->extents[0].bytes));
}

TEST_F(CommitTest, InlineContentThatOutgrowsItsRowTakesItsBytesAlong) {
  put("head");
  const auto edit = run(write_at(2 * kInlineBytesMax, "tail"));
  ASSERT_TRUE(edit);
  EXPECT_FALSE(edit->bytes);
  EXPECT_EQ(edit->base, Version{});
  ASSERT_EQ(edit->extents.size(), 2U);
  EXPECT_EQ(edit->extents[0], (Extent{0, "head"}));
  EXPECT_FALSE(edit->digest);
}

TEST_F(CommitTest, ASmallWriteOnChunksCarriesOnlyItself) {
  put(std::string(4 * kInlineBytesMax, 'x'));
  const auto edit = run(write_at(100, "small"));
  ASSERT_TRUE(edit);
  EXPECT_EQ(edit->base, Version{1});
  EXPECT_EQ(edit->current, Version{1});
  EXPECT_EQ(edit->version, Version{2});
  EXPECT_EQ(edit->keep, 4 * kInlineBytesMax);
  EXPECT_EQ(edit->size, 4 * kInlineBytesMax);
  EXPECT_EQ(edit->extents, (std::vector<Extent>{{100, "small"}}));
  EXPECT_FALSE(edit->append);
}

TEST_F(CommitTest, AnAppendOnChunksIsMarked) {
  put(std::string(4 * kInlineBytesMax, 'x'));
  const auto edit = run(Append{NodeRef{"/f"}, "more"});
  ASSERT_TRUE(edit);
  EXPECT_TRUE(edit->append);
  EXPECT_EQ(edit->extents, (std::vector<Extent>{{4 * kInlineBytesMax, "more"}}));
}

TEST_F(CommitTest, ExtentsAreCutAtTheEnd) {
  put(std::string(4 * kInlineBytesMax, 'x'));
  Write write = write_at(10, "abcdef");
  write.extents.push_back(Extent{50, "gone"});
  write.size = 13;
  const auto edit = run(write);
  ASSERT_TRUE(edit);
  EXPECT_EQ(edit->keep, 13U);
  EXPECT_EQ(edit->extents, (std::vector<Extent>{{10, "abc"}}));
}

TEST_F(CommitTest, AFileGrowsToItsLimitAndNotBeyond) {
  put("x");
  EXPECT_TRUE(run(Truncate{NodeRef{"/f"}, kInlineBytesMax * 2}));
  EXPECT_FALSE(run(write_at(kFileBytesMax, "y")));
  EXPECT_EQ(refused_.code, Code::too_big);
}

TEST_F(MergingTest, AStaleBaseIsRefusedUntilMergingIsBuilt) {
  put("one");
  put("two");
  Write stale = write_at(0, "x");
  stale.base = Version{1};
  EXPECT_FALSE(run(stale));
  EXPECT_EQ(refused_.code, Code::unsupported);
}

TEST_F(CommitTest, LinksHaveALimit) {
  put("x");
  WorkingSet set(tree_, tree_.volume(), Timestamp{3});
  StoredNode many = **set.node(*tree_.now().resolve(NodeRef{"/f"}));
  many.node.attributes.links = kLinksMax;
  set.put_node(many);
  tree_.absorb(set);
  run(MakeLink{NodeRef{"/f"}, {NodeRef{"/"}, "g"}});
  EXPECT_EQ(refused_.code, Code::too_big);
}

}  // namespace
}  // namespace outboard
