#include "core/text_diff.h"

#include <gtest/gtest.h>

#include <random>

namespace outboard {
namespace {

// What the lines say both texts are.
std::pair<std::string, std::string> both(const std::vector<DiffLine>& lines) {
  std::pair<std::string, std::string> texts;
  for (const DiffLine& line : lines) {
    if (line.sign != '+') texts.first += line.text;
    if (line.sign != '-') texts.second += line.text;
  }
  return texts;
}

TEST(TextDiff, ChangedLinesStandBetweenThreeOnEachSide) {
  const std::string before = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
  const std::string after = "1\n2\n3\n4\nfive\n6\n7\n8\n9\n";
  EXPECT_EQ(unified_diff(before, after), "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
}

TEST(TextDiff, FarChangesAreHunksOfTheirOwn) {
  std::string before;
  for (int i = 1; i <= 20; ++i) before += std::to_string(i) + "\n";
  std::string after = "0\n" + before;
  after.resize(after.size() - 3);
  after += "20";
  EXPECT_EQ(unified_diff(before, after),
            "@@ -1,3 +1,4 @@\n+0\n 1\n 2\n 3\n@@ -17,4 +18,4 @@\n 17\n 18\n 19\n-20\n+20\n"
            "\\ No newline at end of file\n");
}

TEST(TextDiff, EmptyAndEqualTexts) {
  EXPECT_EQ(unified_diff("same\n", "same\n"), "");
  EXPECT_EQ(unified_diff("", "new\n"), "@@ -0,0 +1 @@\n+new\n");
  EXPECT_EQ(unified_diff("old\n", ""), "@@ -1 +0,0 @@\n-old\n");
}

TEST(TextDiff, WhateverTheTextsTheLinesMakeBoth) {
  std::mt19937 random(5);
  for (int round = 0; round < 300; ++round) {
    std::string texts[2];
    for (std::string& text : texts) {
      for (auto i = random() % 30; i > 0; --i)
        text += std::string(1, static_cast<char>('a' + random() % 4)) + "\n";
    }
    const auto lines = diff_lines(texts[0], texts[1]);
    ASSERT_EQ(both(lines), std::pair(texts[0], texts[1])) << texts[0] << "---\n" << texts[1];
  }
}

TEST(TextDiff, TextsThatHaveLittleInCommonAreShownWhole) {
  std::string before;
  std::string after;
  for (int i = 0; i < 5'000; ++i) {
    before += "old " + std::to_string(i) + "\n";
    after += "new " + std::to_string(i) + "\n";
  }
  const auto lines = diff_lines(before, after);
  EXPECT_EQ(lines.size(), 10'000U);
  EXPECT_EQ(both(lines), std::pair(before, after));
}

}  // namespace
}  // namespace outboard
