#include "core/content.h"

#include <gtest/gtest.h>

namespace outboard {
namespace {

TEST(Content, KeepThenExtentsThenSize) {
  EXPECT_EQ(edited("0123456789", 4, {}, 4), "0123");
  EXPECT_EQ(edited("0123", 9, {{1, "XY"}}, 4), "0XY3");
  EXPECT_EQ(edited("0123", 2, {{3, "Z"}}, 5), std::string("01\0Z\0", 5));
  EXPECT_EQ(edited("", 0, {{0, "abc"}, {1, "__"}}, 2), "a_");
}

TEST(Content, ExtentsJoinOnlyWhenTheyCoverAll) {
  std::vector<Extent> all{{0, "ab"}, {2, "cd"}};
  EXPECT_TRUE(join_extents(all, 4));
  EXPECT_EQ(all, (std::vector<Extent>{{0, "abcd"}}));
  std::vector<Extent> gap{{0, "ab"}, {3, "cd"}};
  EXPECT_FALSE(join_extents(gap, 5));
  EXPECT_EQ(gap.size(), 2U);
  std::vector<Extent> short_of{{0, "ab"}};
  EXPECT_FALSE(join_extents(short_of, 3));
}

}  // namespace
}  // namespace outboard
