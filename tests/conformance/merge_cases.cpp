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

// Nine lines of one character, and where the bytes of each begin.
const std::string kNine = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
std::uint64_t line(std::uint64_t number) {
  return 2 * (number - 1);
}

// What a mount publishes of a descriptor whose bytes were merged: all that it made of the base, and
// how much of that is in the file already.
Write go_on(const Node& file, Edit all, Edit merged) {
  Write write;
  write.node = file.inode;
  write.base = Version{1};
  write.keep = all.keep;
  write.extents = std::move(all.extents);
  write.size = all.size;
  write.merged = std::move(merged);
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

TEST_P(StoreSuite, S35_WhoGoesOnWithMergedBytesIsMergedByWhatIsNew) {
  use_policy(Policy::merge);
  const Node file = put("/f", kNine);
  publish("/f", Version{1}, "one\n" + kNine.substr(line(2)));
  EXPECT_TRUE(done(edit(file, Version{1}, line(5), "a")).merged);
  // On the line next to it, and on that itself.
  Edit first{{}, {{line(5), "a"}}, {}};
  Edit second{{}, {{line(5), "A\nb"}}, {}};
  EXPECT_TRUE(done(go_on(file, second, first)).merged);
  EXPECT_EQ(content("/f"), "one\n2\n3\n4\nA\nb\n7\n8\n9\n");
  // Again, and somebody else has written in between.
  publish("/f", node("/f")->version, "one\n2\n3\n4\nA\nb\n7\n8\nnine\n");
  Edit third{{}, {{line(5), "A\nb\nc"}}, {}};
  EXPECT_TRUE(done(go_on(file, third, second)).merged);
  EXPECT_EQ(content("/f"), "one\n2\n3\n4\nA\nb\nc\n8\nnine\n");
  // The same once more is there already.
  const Outcome same = done(go_on(file, third, third));
  EXPECT_TRUE(same.merged);
  EXPECT_EQ(same.seq, Seq{});
  EXPECT_EQ(names("/"), std::vector<std::string>{"f"});
  // Who does not say what was merged is compared with its base, by which both changed these lines.
  Write silent = go_on(file, third, second);
  silent.extents.front().bytes = "A\nb\nd";
  silent.merged.reset();
  EXPECT_TRUE(done(silent).conflict_copy);
}

TEST_P(StoreSuite, S35_WhatIsCutAndAddedAfterAMergeIsMergedToo) {
  use_policy(Policy::merge);
  const Node file = put("/f", kNine);
  publish("/f", Version{1}, "one\n" + kNine.substr(line(2)));
  EXPECT_TRUE(done(edit(file, Version{1}, line(5), "a")).merged);
  Edit merged{{}, {{line(5), "a"}}, {}};
  Edit cut{line(6), {{line(5), "a"}, {line(6), "end\n"}}, {}};
  EXPECT_TRUE(done(go_on(file, cut, merged)).merged);
  EXPECT_EQ(content("/f"), "one\n2\n3\n4\na\nend\n");
  Edit shorter{line(6), {{line(5), "a"}}, line(6)};
  EXPECT_TRUE(done(go_on(file, shorter, cut)).merged);
  EXPECT_EQ(content("/f"), "one\n2\n3\n4\na\n");
  Edit longer{line(6), {{line(5), "a"}, {line(6), "6\n7\n"}}, line(8)};
  EXPECT_TRUE(done(go_on(file, longer, shorter)).merged);
  EXPECT_EQ(content("/f"), "one\n2\n3\n4\na\n6\n7\n");
  EXPECT_EQ(names("/"), std::vector<std::string>{"f"});
}

// What was merged is in the file: when it is there no more, somebody took it out.
TEST_P(StoreSuite, S35_MergedLinesThatOthersTookOutDoNotComeBack) {
  use_policy(Policy::merge);
  const Node file = put("/f", kNine);
  publish("/f", Version{1}, "one\n" + kNine.substr(line(2)));
  EXPECT_TRUE(done(edit(file, Version{1}, line(3), "a")).merged);
  publish("/f", node("/f")->version, "one\n2\n4\n5\n6\n7\n8\n9\n");
  Edit merged{{}, {{line(3), "a"}}, {}};
  Edit all{{}, {{line(3), "a"}, {line(8), "b"}}, {}};
  EXPECT_TRUE(done(go_on(file, all, merged)).merged);
  EXPECT_EQ(content("/f"), "one\n2\n4\n5\n6\n7\nb\n9\n");
}

TEST_P(StoreSuite, S35_WhatTouchesOthersLinesAfterAMergeStandsBesideWhole) {
  use_policy(Policy::merge);
  const Node file = put("/f", kNine);
  publish("/f", Version{1}, "one\n" + kNine.substr(line(2)));
  EXPECT_TRUE(done(edit(file, Version{1}, line(5), "a")).merged);
  const std::string there = content("/f");
  Edit merged{{}, {{line(5), "a"}}, {}};
  Edit all{{}, {{line(2), "b"}, {line(5), "a"}}, {}};
  const Outcome mine = done(go_on(file, all, merged));
  EXPECT_TRUE(mine.conflict);
  EXPECT_EQ(content(beside(mine)), "1\nb\n3\n4\na\n6\n7\n8\n9\n");
  EXPECT_EQ(content("/f"), there);
  // What stands beside is not in the file, and whoever goes on does not say so.
  all.extents.push_back({line(8), "c"});
  const Outcome more = done(go_on(file, all, merged));
  EXPECT_EQ(content(beside(more)), "1\nb\n3\n4\na\n6\n7\nc\n9\n");
  EXPECT_EQ(content("/f"), there);
}

// Written whole it needs nothing of its base, which retention may have taken.
TEST_P(StoreSuite, S35_WhatWasMergedWholeNeedsNoBase) {
  use_policy(Policy::merge);
  const Node file = put("/f", "one\n" + kNine.substr(line(2)));
  Edit merged{0, {{0, kNine}}, {}};
  Edit all{0, {{0, kNine + "ten\n"}}, {}};
  Write write = go_on(file, all, merged);
  write.base = Version{7};
  EXPECT_TRUE(done(write).merged);
  EXPECT_EQ(content("/f"), "one\n" + kNine.substr(line(2)) + "ten\n");
  merged.keep.reset();
  write = go_on(file, all, merged);
  write.base = Version{7};
  EXPECT_EQ(content(beside(done(write))), kNine + "ten\n");
}

TEST_P(StoreSuite, S35_WhatIsSaidToBeMergedIsAsLargeAsWhatCanBe) {
  use_policy(Policy::merge);
  const Node file = put("/f", kNine);
  publish("/f", Version{1}, "one\n" + kNine.substr(line(2)));
  Edit all{{}, {{line(5), "a"}}, {}};
  for (const Edit& merged : {Edit{{}, {}, kFileBytesMax}, Edit{{}, {{kFileBytesMax - 1, "x"}}, {}},
                             Edit{{}, {}, kMergeBytesMax + 1}}) {
    EXPECT_EQ(content(beside(done(go_on(file, all, merged)))), "1\n2\n3\n4\na\n6\n7\n8\n9\n");
  }
  EXPECT_EQ(refused(go_on(file, all, Edit{{}, {}, kFileBytesMax + 1})), Code::too_big);
  Write baseless = go_on(file, all, all);
  baseless.base.reset();
  EXPECT_EQ(refused(baseless), Code::invalid);
}

TEST_P(StoreSuite, S35_WhoGoesOnAndAsksTwiceIsMergedOnce) {
  use_policy(Policy::merge);
  const Node file = put("/f", kNine);
  publish("/f", Version{1}, "one\n" + kNine.substr(line(2)));
  EXPECT_TRUE(done(edit(file, Version{1}, line(5), "a")).merged);
  Edit merged{{}, {{line(5), "a"}}, {}};
  Batch batch;
  batch.request = RequestId{ClientId{random_uuid()}, 1};
  batch.steps.push_back(Step{go_on(file, Edit{{}, {{line(5), "a\nb"}}, {}}, merged), {}});
  const auto first = store().apply(call(), volume_, batch);
  publish("/f", node("/f")->version, "one\n2\n3\n4\na\nB\n7\n8\n9\n");
  const auto again = store().apply(call(), volume_, batch);
  ASSERT_TRUE(first && again);
  EXPECT_TRUE(again->repeated);
  EXPECT_EQ(again->outcomes.front(), first->outcomes.front());
  EXPECT_EQ(content("/f"), "one\n2\n3\n4\na\nB\n7\n8\n9\n");
}

// Elsewhere the base may be another's who overrides, or nobody's.
TEST_P(StoreSuite, S35_WhatWasMergedMeansNothingToOtherPolicies) {
  const Node file = put("/f", kNine);
  publish("/f", Version{1}, "theirs\n");
  Edit merged{{}, {{line(5), "a"}}, {}};
  const Outcome mine = done(go_on(file, Edit{{}, {{line(5), "a\nb"}}, {}}, merged));
  EXPECT_TRUE(mine.conflict);
  EXPECT_EQ(content("/f"), "1\n2\n3\n4\na\nb\n7\n8\n9\n");
}

}  // namespace
}  // namespace outboard::tests
