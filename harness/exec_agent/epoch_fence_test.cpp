#include "harness/exec_agent/epoch_fence.h"

#include <gtest/gtest.h>

#include "tests/support/temp_directory.h"

namespace outboard::harness {
namespace {

TEST(EpochFence, LowerEpochIsShutOutAlsoAfterARestart) {
  const tests::TempDirectory directory;
  const std::string file = directory.path() + "/epoch";
  {
    EpochFence fence(file);
    EXPECT_TRUE(fence.pass(Epoch{4}));
    EXPECT_TRUE(fence.pass(Epoch{7}));
    EXPECT_TRUE(fence.pass(Epoch{7}));
    const auto late = fence.pass(Epoch{4});
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, Code::fenced);
  }
  EpochFence again(file);
  EXPECT_EQ(again.highest(), Epoch{7});
  EXPECT_FALSE(again.pass(Epoch{6}));
}

TEST(EpochFence, EpochThatCannotBeKeptDoesNotCount) {
  EpochFence fence("/no/such/directory/epoch");
  EXPECT_FALSE(fence.pass(Epoch{1}));
  EXPECT_EQ(fence.highest(), Epoch{});
}

}  // namespace
}  // namespace outboard::harness
