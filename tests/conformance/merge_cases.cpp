// The policy `merge`: two writers of one version, and what becomes of both. [S35]
#include "core/limits.h"
#include "tests/conformance/store_suite.h"

namespace outboard::tests {
namespace {

// Bytes at a place of a version, as a mount writes them.
Write edit(const Node& file, Version base, std::uint64_t offset, std::string bytes) {
  Write write;
  write.node = file.inode;
  write.base = base;
  write.extents.push_back(Extent{offset, std::move(bytes)});
  return write;
}

std::string beside(const Outcome& outcome) {
  EXPECT_TRUE(outcome.conflict_copy);
  return outcome.conflict_copy ? "/" + outcome.conflict_copy->name : "";
}

TEST_P(StoreSuite, S35_EditsOfDifferentLinesAreBothThere) {
  use_policy(Policy::merge);
  put("/f", "one\ntwo\nthree\n");
  const Outcome theirs = publish("/f", Version{1}, "ONE\ntwo\nthree\n");
  EXPECT_FALSE(theirs.merged);
  const Outcome mine = publish("/f", Version{1}, "one\ntwo\nTHREE\n");
  EXPECT_TRUE(mine.merged);
  EXPECT_FALSE(mine.conflict);
  EXPECT_FALSE(mine.conflict_copy);
  EXPECT_EQ(mine.node.version, Version{3});
  EXPECT_EQ(content("/f"), "ONE\ntwo\nTHREE\n");
  EXPECT_FALSE(log().back().conflict);
  EXPECT_EQ(names("/"), std::vector<std::string>{"f"});
}

TEST_P(StoreSuite, S35_AWriteOfAFewBytesIsMergedAsItsWholeFile) {
  use_policy(Policy::merge);
  const Node file = put("/f", "one\ntwo\nthree\n");
  publish("/f", Version{1}, "zero\none\ntwo\nthree\n");
  const Outcome mine = done(edit(file, Version{1}, 8, "THREE"));
  EXPECT_TRUE(mine.merged);
  EXPECT_EQ(content("/f"), "zero\none\ntwo\nTHREE\n");
}

TEST_P(StoreSuite, S35_LargeTextIsMergedToo) {
  use_policy(Policy::merge);
  std::string text;
  for (int line = 0; text.size() < 2 * kChunkBytes; ++line) {
    text += "line " + std::to_string(line) + "\n";
  }
  const Node file = put("/f", text);
  publish("/f", Version{1}, "first\n" + text);
  const Outcome mine = done(edit(file, Version{1}, text.size(), "last\n"));
  EXPECT_TRUE(mine.merged);
  EXPECT_TRUE(content("/f") == "first\n" + text + "last\n");
  EXPECT_TRUE(content(file.inode, Version{2}) == "first\n" + text);
}

TEST_P(StoreSuite, S35_WhatBothChangedAlikeIsThereOnce) {
  use_policy(Policy::merge);
  put("/f", "one\n");
  publish("/f", Version{1}, "two\n");
  const Outcome mine = publish("/f", Version{1}, "two\n");
  EXPECT_TRUE(mine.merged);
  EXPECT_EQ(mine.seq, Seq{});
  EXPECT_EQ(mine.node.version, Version{2});
  EXPECT_EQ(content("/f"), "two\n");
}

TEST_P(StoreSuite, S35_WhatCannotBeMergedStandsBeside) {
  use_policy(Policy::merge);
  const Node file = put("/d/f.md", "one\n");
  publish("/d/f.md", Version{1}, "theirs\n");
  const Outcome mine = publish("/d/f.md", Version{1}, "mine\n");
  EXPECT_TRUE(mine.conflict);
  EXPECT_FALSE(mine.merged);
  EXPECT_EQ(mine.node.inode, file.inode);
  EXPECT_EQ(mine.node.version, Version{2});
  ASSERT_TRUE(mine.conflict_copy);
  EXPECT_EQ(mine.conflict_copy->name.rfind("f.md.conflict-", 0), 0U);
  EXPECT_EQ(content("/d/f.md"), "theirs\n");
  EXPECT_EQ(content("/d" + beside(mine)), "mine\n");
  EXPECT_TRUE(log().back().conflict);
  EXPECT_EQ(log().back().kind, ChangeKind::create);
  // The same bytes again are not kept again.
  const Outcome again = publish("/d/f.md", Version{1}, "mine\n");
  EXPECT_EQ(again.conflict_copy, mine.conflict_copy);
  EXPECT_EQ(names("/d").size(), 2U);
}

TEST_P(StoreSuite, S35_BinaryAndUnknownBasesStandBeside) {
  use_policy(Policy::merge);
  const std::string nul("\0x\ny\n", 5);
  put("/f", nul);
  publish("/f", Version{1}, nul + "theirs\n");
  EXPECT_EQ(content(beside(publish("/f", Version{1}, "mine\n" + nul))), "mine\n" + nul);
  put("/g", "one\n");
  EXPECT_EQ(content(beside(publish("/g", Version{0}, "mine\n"))), "mine\n");
  const std::string large(kMergeBytesMax, 'x');
  const Node big = put("/big", large + "\n");
  publish("/big", Version{1}, "small\n");
  const Outcome mine = done(edit(big, Version{1}, 0, "mine"));
  EXPECT_TRUE(content(beside(mine)) == "mine" + large.substr(4) + "\n");
  EXPECT_EQ(content("/big"), "small\n");
}

TEST_P(StoreSuite, S35_ARenameOverWhatWasNotSeenGoesBeside) {
  use_policy(Policy::merge);
  put("/f", "one\n");
  publish("/f", Version{1}, "theirs\n");
  const Node tmp = put("/tmp", "mine\n");
  Rename rename = move("/tmp", "/f");
  rename.base = Version{1};
  const Outcome mine = done(rename);
  EXPECT_TRUE(mine.conflict);
  EXPECT_EQ(content("/f"), "theirs\n");
  EXPECT_FALSE(there("/tmp"));
  auto copy = node(beside(mine));
  ASSERT_TRUE(copy);
  EXPECT_EQ(copy->inode, tmp.inode);
}

TEST_P(StoreSuite, S35_APublishOfARemovedFileStandsWhereItWas) {
  use_policy(Policy::merge);
  put("/f", "one\n");
  done(Unlink{at("/f")});
  const Outcome mine = publish("/f", Version{1}, "mine\n");
  EXPECT_TRUE(mine.conflict);
  EXPECT_FALSE(there("/f"));
  EXPECT_EQ(content(beside(mine)), "mine\n");
}

TEST_P(StoreSuite, S35_ARepeatedRequestHearsOfItsCopyAgain) {
  use_policy(Policy::merge);
  put("/f", "one\n");
  publish("/f", Version{1}, "theirs\n");
  Publish mine;
  mine.at = at("/f");
  mine.base = Version{1};
  mine.bytes = "mine\n";
  Batch batch;
  batch.request = RequestId{ClientId{random_uuid()}, 1};
  batch.steps.push_back(Step{mine, {}});
  auto first = store().apply(call(), volume_, batch);
  auto again = store().apply(call(), volume_, batch);
  ASSERT_TRUE(first && again);
  EXPECT_TRUE(again->repeated);
  EXPECT_EQ(again->outcomes.front(), first->outcomes.front());
  EXPECT_EQ(names("/").size(), 2U);
}

// Many writers of one batch each on the same version: those of a group see one another's.
TEST_P(StoreSuite, S35_StepsOfOneBatchMergeWithEachOther) {
  use_policy(Policy::merge);
  const Node file = put("/f", "a\n\nb\n\nc\n");
  Publish later;
  later.at = at("/f");
  later.base = Version{1};
  later.bytes = "a\n\nb\n\nC\n";
  auto applied = apply({Step{edit(file, Version{1}, 0, "A"), {}}, Step{later, {}}});
  ASSERT_TRUE(applied) << applied.error().message;
  EXPECT_TRUE(applied->outcomes[1].merged);
  EXPECT_EQ(content("/f"), "A\n\nb\n\nC\n");
}

}  // namespace
}  // namespace outboard::tests
