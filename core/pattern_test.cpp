#include "core/pattern.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/text_search.h"

namespace outboard {
namespace {

Pattern compiled(const std::string& pattern, SearchKind kind = SearchKind::regex,
                 bool ignore_case = false, const std::string& glob = {}) {
  SearchQuery query;
  query.pattern = pattern;
  query.kind = kind;
  query.ignore_case = ignore_case;
  query.glob = glob;
  auto made = Pattern::compile(query);
  EXPECT_TRUE(made) << (made ? "" : made.error().message);
  return *std::move(made);
}

bool takes(const std::string& glob, const std::string& path) {
  return compiled("x", SearchKind::regex, false, glob).takes_path(path);
}

// Whether an index would offer `text` as a candidate.
bool offered(const Pattern& pattern, std::string_view text) {
  if (pattern.needs().empty()) return true;
  GramCollector collector;
  const std::vector<Gram> has = collector.collect(text);
  return std::any_of(pattern.needs().begin(), pattern.needs().end(), [&](const auto& grams) {
    return std::all_of(grams.begin(), grams.end(), [&](Gram gram) {
      return std::find(has.begin(), has.end(), gram) != has.end();
    });
  });
}

TEST(Pattern, AGlobOfANameAndOneOfAPath) {
  EXPECT_TRUE(takes("*.md", "/a/b/note.md"));
  EXPECT_FALSE(takes("*.md", "/a/b/note.mdx"));
  EXPECT_TRUE(takes("/a/**", "/a/b/c"));
  EXPECT_FALSE(takes("/a/*", "/a/b/c"));
  EXPECT_TRUE(takes("/**/c", "/c"));
  EXPECT_TRUE(takes("note.{md,txt}", "/x/note.txt"));
  EXPECT_TRUE(takes("[!a-c]?", "/d\xC3\xA4"));
  EXPECT_FALSE(takes("[!a-c]?", "/bx"));
  EXPECT_TRUE(takes("\\*", "/*"));
  EXPECT_TRUE(takes("?", std::string("/\xFF")));
}

TEST(Pattern, WhatTheIndexNeedsIsWhatEveryMatchHas) {
  EXPECT_EQ(compiled("deploy").needs().size(), 1U);
  EXPECT_EQ(compiled("deploy|release").needs().size(), 2U);
  EXPECT_TRUE(compiled("a.c").needs().empty());
  EXPECT_TRUE(compiled("deploy|x").needs().empty());
  EXPECT_EQ(compiled("(?i)password").needs().size(), 1U);              // s folds to U+017F as well
  EXPECT_FALSE(compiled("\xE9\x83\xA8\xE7\xBD\xB2").needs().empty());  // two ideographs
}

struct Pair {
  const char* pattern;
  const char* text;
};

// An index that rules out what matches would make search lie.
TEST(Pattern, WhatMatchesIsAlwaysOffered) {
  for (const auto& [pattern, text] :
       std::initializer_list<Pair>{{"(?i)password", "PA\xC5\xBFSWORD"},
                                   {"(?i)kelvin",
                                    "\xE2\x84\xAA"
                                    "elvin"},
                                   {"(?i)stra\xC3\x9F"
                                    "e",
                                    "STRA\xC3\x9F"
                                    "E"},
                                   {"(?i)\xC3\xA4rger", "\xC3\x84RGER"},
                                   {"foo.*bar", "xfoo-and-barx"},
                                   {"(foo|bar)baz", "barbaz"},
                                   {"ab+c{2,3}defg", "abbbccdefg"},
                                   {"[Dd]eploy(ment)?s", "Deployments"},
                                   {"\xE9\x83\xA8\xE7\xBD\xB2", "x\xE9\x83\xA8\xE7\xBD\xB2y"},
                                   {"^\\s*import os$", "  import os"},
                                   {"\\bword\\b", "a word."},
                                   {"x{0}needle", "needle"},
                                   {"\\Qa.b*c\\E", "a.b*c"}}) {
    const Pattern made = compiled(pattern);
    ASSERT_TRUE(search_text(made, text, {10, 0, SearchShow::lines})) << pattern;
    EXPECT_TRUE(offered(made, text)) << pattern;
  }
}

// Which characters fold to ASCII letters is taken for granted by folded().
TEST(Pattern, OnlyTwoCharactersBeyondAsciiFoldIntoIt) {
  const Pattern letters = compiled("[a-z]", SearchKind::regex, true);
  int folding = 0;
  for (unsigned character = 0x80; character < 0xD800; ++character) {
    std::string text;
    if (character < 0x800) {
      text = {static_cast<char>(0xC0 | character >> 6), static_cast<char>(0x80 | (character & 63))};
    } else {
      text = {static_cast<char>(0xE0 | character >> 12),
              static_cast<char>(0x80 | (character >> 6 & 63)),
              static_cast<char>(0x80 | (character & 63))};
    }
    if (!letters.find(text, 0)) continue;
    ++folding;
    EXPECT_EQ(folded(text).size(), 1U) << character;
  }
  EXPECT_EQ(folding, 2);
}

TEST(Pattern, WordsAreWholeAndOfAnyScript) {
  const Pattern pattern = compiled(
      "k\xC3\xBC"
      "che",
      SearchKind::words);
  EXPECT_TRUE(
      pattern.takes_text("Die K\xC3\x9C"
                         "CHE."));
  EXPECT_FALSE(
      pattern.takes_text("k\xC3\xBC"
                         "chen"));
  const auto second = pattern.find(
      "k\xC3\xBC"
      "che k\xC3\xBC"
      "che",
      6);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->start, 7U);
}

TEST(Pattern, AMatchNeverLeavesItsLine) {
  EXPECT_FALSE(compiled("a[^x]b").find("a\nb", 0));
  EXPECT_FALSE(compiled("(?s)a.b").find("a\nb", 0));
  EXPECT_FALSE(compiled("a\\s+b").find("a\nb", 0));
  EXPECT_TRUE(compiled("^b$").find("a\nb\nc", 0));
}

TEST(TextSearch, AnEmptyMatchTakesEachLineOnce) {
  const auto found = search_text(compiled("z*"), "a\n\nzz\n", {10, 0, SearchShow::counts});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->matches, 3U);
}

TEST(TextSearch, ALineWithoutAnEndIsALine) {
  const auto found = search_text(compiled("b"), "a\nb", {10, 3, SearchShow::lines});
  ASSERT_TRUE(found);
  ASSERT_EQ(found->lines.size(), 2U);
  EXPECT_EQ(found->lines[1].text, "b");
  EXPECT_EQ(found->lines[1].offset, 2U);
}

}  // namespace
}  // namespace outboard
