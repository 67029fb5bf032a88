#include "harness/tools/text_edit.h"

#include <gtest/gtest.h>

namespace outboard::harness {
namespace {

TEST(TextEdit, ViewNumbersLinesAsCatDoes) {
  EXPECT_EQ(*numbered_view("/f", "a\nb\n", std::nullopt),
            "Here's the result of running `cat -n` on /f:\n     1\ta\n     2\tb\n");
  EXPECT_EQ(*numbered_view("/f", "a\nb\nc", std::pair{2, -1}),
            "Here's the result of running `cat -n` on /f:\n     2\tb\n     3\tc\n");
  EXPECT_TRUE(numbered_view("/f", "", std::nullopt));
  for (const auto& [first, last] : {std::pair{0, 1}, {3, 3}, {2, 1}, {1, 3}}) {
    const auto refused = numbered_view("/f", "a\nb\n", std::pair{first, last});
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("[1, 2]"), std::string::npos);
  }
}

TEST(TextEdit, ReplaceNeedsExactlyOnePlace) {
  const auto edited = replace_once("/f", "one\ntwo\nthree\n", "two", "2\n2");
  ASSERT_TRUE(edited);
  EXPECT_EQ(edited->content, "one\n2\n2\nthree\n");
  EXPECT_NE(edited->done.find("The file /f has been edited."), std::string::npos);
  EXPECT_NE(edited->done.find("     3\t2\n"), std::string::npos);
  EXPECT_EQ(replace_once("/f", "a", "b", "c").error().message,
            "No replacement was performed, old_str `b` did not appear verbatim in /f.");
  const auto several = replace_once("/f", "x\ny\nx\n", "x", "z");
  EXPECT_NE(several.error().message.find("in lines [1, 3]"), std::string::npos);
  EXPECT_FALSE(replace_once("/f", "aaa", "aa", "b"));  // overlapping counts
  EXPECT_FALSE(replace_once("/f", "a", "", "b"));
}

TEST(TextEdit, InsertGoesBehindALine) {
  EXPECT_EQ(insert_after("/f", "a\nb\n", 0, "x")->content, "x\na\nb\n");
  EXPECT_EQ(insert_after("/f", "a\nb\n", 1, "x\n")->content, "a\nx\nb\n");
  EXPECT_EQ(insert_after("/f", "a\nb", 2, "x")->content, "a\nb\nx");
  EXPECT_EQ(insert_after("/f", "", 0, "x")->content, "x");
  const auto refused = insert_after("/f", "a\n", 2, "x");
  EXPECT_NE(refused.error().message.find("[0, 1]"), std::string::npos);
}

TEST(TextEdit, CommonFrontIsWhatNeedNotBeSent) {
  EXPECT_EQ(common_front("abcd", "abxd"), 2U);
  EXPECT_EQ(common_front("ab", "abc"), 2U);
  EXPECT_EQ(common_front("", "a"), 0U);
}

}  // namespace
}  // namespace outboard::harness
