// Diffs and merges: by example, and by what must hold whatever the texts are.
#include "core/merge.h"

#include <gtest/gtest.h>

#include <random>

#include "core/limits.h"
#include "core/line_diff.h"

namespace outboard {
namespace {

std::string joined(const std::vector<std::string_view>& lines) {
  std::string text;
  for (const std::string_view line : lines) text.append(line);
  return text;
}

// `old_text` with its hunks replaced by those of `new_text`.
std::string patched(std::string_view old_text, std::string_view new_text,
                    const std::vector<Hunk>& hunks) {
  const auto from = lines_of(old_text);
  const auto to = lines_of(new_text);
  std::string text;
  std::size_t at = 0;
  for (const Hunk& hunk : hunks) {
    for (; at < hunk.from; ++at) text.append(from[at]);
    for (std::size_t line = hunk.new_from; line < hunk.new_to; ++line) text.append(to[line]);
    at = hunk.to;
  }
  for (; at < from.size(); ++at) text.append(from[at]);
  return text;
}

// Few different lines, so that most of them occur more than once.
class Texts {
 public:
  std::vector<std::string> lines(std::size_t most) {
    std::vector<std::string> text(below(most + 1));
    for (std::string& line : text) line = line_of(below(5));
    return text;
  }
  std::string line_of(std::size_t letter) { return std::string(1, char('a' + letter)) + "\n"; }
  std::size_t below(std::size_t bound) { return engine_() % bound; }

 private:
  std::mt19937_64 engine_{20};
};

std::string text_of(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

TEST(Lines, KeepTheirEnds) {
  EXPECT_EQ(lines_of("a\n\nb"), (std::vector<std::string_view>{"a\n", "\n", "b"}));
  EXPECT_TRUE(lines_of("").empty());
}

TEST(LineDiff, MakesTheNewTextOfTheOldWithAsFewLinesAsThereAre) {
  Texts texts;
  for (int round = 0; round < 2'000; ++round) {
    const auto a = text_of(texts.lines(12));
    const auto b = text_of(texts.lines(12));
    const auto hunks = diff_lines(lines_of(a), lines_of(b), 64);
    ASSERT_TRUE(hunks);
    ASSERT_EQ(patched(a, b, *hunks), b) << a << "to\n" << b;
    for (std::size_t i = 1; i < hunks->size(); ++i) {
      ASSERT_LT((*hunks)[i - 1].to, (*hunks)[i].from) << a << "to\n" << b;
    }
  }
}

TEST(LineDiff, GivesUpBeyondItsBound) {
  const std::string a = "1\n2\n3\n";
  EXPECT_FALSE(diff_lines(lines_of(a), lines_of("4\n5\n6\n"), 5));
  EXPECT_TRUE(diff_lines(lines_of(a), lines_of("4\n5\n6\n"), 6));
}

TEST(Merge, TakesFromEachWhatOnlyItChanged) {
  EXPECT_EQ(merge_lines("a\nb\nc\n", "A\nb\nc\n", "a\nb\nC\n"), "A\nb\nC\n");
  EXPECT_EQ(merge_lines("a\nb\nc\n", "b\nc\n", "a\nb\nc\nd\n"), "b\nc\nd\n");
  EXPECT_EQ(merge_lines("a\nb\nc", "a\nx\nb\nc", "a\nb\nc\n"), "a\nx\nb\nc\n");
}

TEST(Merge, TakesOnceWhatBothChangedAlike) {
  EXPECT_EQ(merge_lines("a\nb\n", "x\nb\n", "x\nb\n"), "x\nb\n");
  EXPECT_EQ(merge_lines("", "x\n", "x\n"), "x\n");
}

TEST(Merge, RefusesWhatBothTouched) {
  EXPECT_FALSE(merge_lines("a\nb\n", "x\nb\n", "y\nb\n"));
  EXPECT_FALSE(merge_lines("a\n", "a\nmine\n", "a\ntheirs\n"));
  EXPECT_FALSE(merge_lines("a\nb\n", "a\n", "a\nB\n"));
  // Next to each other: nobody can say in which order they belong.
  EXPECT_FALSE(merge_lines("a\nb\n", "A\nb\n", "a\nB\n"));
}

TEST(Merge, RefusesWhatIsNoText) {
  const std::string nul("a\0\n", 3);
  EXPECT_FALSE(merge_lines("a\n", nul, "a\n"));
  EXPECT_FALSE(merge_lines("a\n", "\xff\n", "a\n"));
  EXPECT_FALSE(merge_lines("a\n", "\xed\xa0\x80\n", "a\n"));
  EXPECT_FALSE(merge_lines("a\n", std::string(kMergeBytesMax + 1, 'x'), "a\n"));
  EXPECT_TRUE(merge_lines("a\n", "grün €\xf0\x9f\x8c\xb2\n", "a\n"));
}

TEST(Merge, ChangesNothingWhereOneSideDidNothing) {
  Texts texts;
  for (int round = 0; round < 1'000; ++round) {
    const auto base = text_of(texts.lines(12));
    const auto other = text_of(texts.lines(12));
    ASSERT_EQ(merge_lines(base, other, base), other);
    ASSERT_EQ(merge_lines(base, base, other), other);
    ASSERT_EQ(merge_lines(base, other, other), other);
  }
}

// Edits of lines that are a line apart: the merge is both, whichever side they are on.
TEST(Merge, OfEditsThatDoNotTouchIsBoth) {
  Texts texts;
  for (int round = 0; round < 1'000; ++round) {
    std::vector<std::string> base, mine, theirs, both;
    const std::size_t size = 1 + texts.below(30);
    bool free = true;  // whether the line before was left alone
    for (std::size_t i = 0; i < size; ++i) {
      const std::string line = "line " + std::to_string(i) + "\n";
      const std::string edited = texts.below(3) == 0 ? "" : "edited " + std::to_string(i) + "\n";
      const std::size_t who = free ? texts.below(4) : 3;
      base.push_back(line);
      mine.push_back(who == 0 ? edited : line);
      theirs.push_back(who == 1 ? edited : line);
      both.push_back(who < 2 ? edited : line);
      free = who >= 2;
    }
    ASSERT_EQ(merge_lines(text_of(base), text_of(mine), text_of(theirs)), text_of(both));
    ASSERT_EQ(merge_lines(text_of(base), text_of(theirs), text_of(mine)), text_of(both));
  }
}

TEST(Merge, DoesNotDependOnWhoComesFirst) {
  Texts texts;
  for (int round = 0; round < 2'000; ++round) {
    const auto base = text_of(texts.lines(8));
    const auto mine = text_of(texts.lines(8));
    const auto theirs = text_of(texts.lines(8));
    ASSERT_EQ(merge_lines(base, mine, theirs), merge_lines(base, theirs, mine));
  }
}

TEST(ConflictName, StandsBesideAndFits) {
  EXPECT_EQ(conflict_name("notes.md", "1f3a9c07"), "notes.md.conflict-1f3a9c07");
  const std::string longest = conflict_name(std::string(254, 'x') + "y", "1f3a9c07");
  EXPECT_EQ(longest.size(), kNameBytesMax);
  std::string wide;
  while (wide.size() < 252) wide += "\xe2\x82\xac";
  EXPECT_TRUE(is_mergeable(conflict_name(wide, "1f3a9c07")));
  EXPECT_EQ(joined(lines_of(longest)), longest);
}

}  // namespace
}  // namespace outboard
