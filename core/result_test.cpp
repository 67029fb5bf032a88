#include "core/result.h"

#include <gtest/gtest.h>

namespace outboard {
namespace {

TEST(Result, HoldsAValueOrAnError) {
  const Result<int> good = 7;
  Error refusal;
  refusal.code = Code::no_space;
  const Result<int> bad = refusal;
  EXPECT_TRUE(good);
  EXPECT_EQ(*good, 7);
  EXPECT_FALSE(bad);
  EXPECT_EQ(bad.error().code, Code::no_space);
  EXPECT_EQ(bad.value_or(3), 3);
  EXPECT_TRUE(success());
}

TEST(ResultDeathTest, ReadingTheWrongOneAborts) {
  const Result<int> bad = Error{};
  EXPECT_DEATH((void)bad.value(), "CHECK failed");
  const Result<int> good = 1;
  EXPECT_DEATH((void)good.error(), "CHECK failed");
}

TEST(Result, CodesAreSpeltAsTheyAreNamed) {
  EXPECT_EQ(name_of(Code::not_found), "not_found");
  EXPECT_EQ(name_of(Code::corrupt), "corrupt");
}

}  // namespace
}  // namespace outboard
