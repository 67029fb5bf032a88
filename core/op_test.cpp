#include "core/op.h"

#include <gtest/gtest.h>

#include "core/limits.h"

namespace outboard {
namespace {

Code refusal(Op op, Precondition when = {}) {
  Batch batch;
  batch.steps.push_back(Step{Truncate{NodeRef{"/fine"}, 0}, {}});
  batch.steps.push_back(Step{std::move(op), std::move(when)});
  auto good = check_batch(batch);
  if (good) return Code::corrupt;
  EXPECT_EQ(good.error().step, 1U);
  return good.error().code;
}

TEST(Op, SizesAreCheckedWithoutWrapping) {
  Write write;
  write.node = NodeRef{"/f"};
  write.extents.push_back(Extent{~std::uint64_t{0} - 1, "xyz"});
  EXPECT_EQ(refusal(write), Code::too_big);
  write.extents[0].offset = kFileBytesMax - 2;
  EXPECT_EQ(refusal(write), Code::too_big);
  write.extents.clear();
  write.size = kFileBytesMax + 1;
  EXPECT_EQ(refusal(write), Code::too_big);
  EXPECT_EQ(refusal(Truncate{NodeRef{"/f"}, kFileBytesMax + 1}), Code::too_big);
}

TEST(Op, EachOpChecksItsNames) {
  const NameRef bad{NodeRef{"/"}, "a/b"};
  const NameRef good{NodeRef{"/"}, "a"};
  EXPECT_EQ(refusal(CreateFile{bad}), Code::invalid);
  EXPECT_EQ(refusal(MakeDirectory{bad}), Code::invalid);
  EXPECT_EQ(refusal(MakeNode{bad}), Code::invalid);
  EXPECT_EQ(refusal(MakeSymlink{bad, "t"}), Code::invalid);
  EXPECT_EQ(refusal(MakeSymlink{good, ""}), Code::invalid);
  EXPECT_EQ(refusal(MakeLink{NodeRef{"/x"}, bad}), Code::invalid);
  EXPECT_EQ(refusal(Rename{good, bad, RenameMode::replace, {}}), Code::invalid);
  EXPECT_EQ(refusal(Unlink{bad}), Code::invalid);
  EXPECT_EQ(refusal(RemoveDirectory{bad}), Code::invalid);
  EXPECT_EQ(refusal(Append{NodeRef{Inode{}}, "x"}), Code::invalid);
  EXPECT_EQ(refusal(RemoveXattr{NodeRef{"/x"}, ""}), Code::invalid);
  EXPECT_EQ(refusal(MakeNode{good, Kind::symlink}), Code::invalid);
}

TEST(Op, ContradictoryPreconditionsAreRefused) {
  Precondition both;
  both.absent = true;
  both.version = Version{1};
  EXPECT_EQ(refusal(Unlink{NameRef{NodeRef{"/"}, "a"}}, both), Code::invalid);
}

TEST(Op, BatchesAreBoundedAndNumbered) {
  Batch batch;
  EXPECT_FALSE(check_batch(batch));
  batch.steps.assign(kBatchStepsMax + 1, Step{Truncate{NodeRef{"/f"}, 0}, {}});
  EXPECT_EQ(check_batch(batch).error().code, Code::too_big);
  batch.steps.resize(1);
  EXPECT_TRUE(check_batch(batch));
  batch.request.client = ClientId{random_uuid()};
  EXPECT_EQ(check_batch(batch).error().code, Code::invalid);
  batch.request.number = 4;
  EXPECT_TRUE(check_batch(batch));
  batch.acknowledged = 4;
  EXPECT_EQ(check_batch(batch).error().code, Code::invalid);
}

TEST(Op, BytesAreCounted) {
  Batch batch;
  Write write;
  write.extents = {Extent{0, "abc"}, Extent{9, "de"}};
  batch.steps = {Step{write, {}}, Step{Append{NodeRef{"/f"}, "1234"}, {}}};
  EXPECT_EQ(bytes_of(batch), 9U);
  EXPECT_EQ(name_of(batch.steps[0].op), "write");
}

}  // namespace
}  // namespace outboard
