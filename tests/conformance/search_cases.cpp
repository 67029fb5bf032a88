// Search: what matches, what is shown, where it stops. [S47]
#include <algorithm>

#include "core/limits.h"
#include "tests/conformance/store_suite.h"

namespace outboard::tests {
namespace {

struct Found {
  std::vector<SearchedFile> files;
  SearchSummary summary;

  std::vector<std::string> paths() const {
    std::vector<std::string> all;
    for (const SearchedFile& file : files) all.push_back(file.path);
    return all;
  }
};

// Searches one volume, all at once.
struct Searcher {
  Store& store;
  const Call call;
  const VolumeId volume;

  Result<Found> attempt(const SearchQuery& query) const {
    Found found;
    auto summary = store.search(call, volume, query, [&](SearchedFile file) {
      found.files.push_back(std::move(file));
      return true;
    });
    if (!summary) return summary.error();
    found.summary = *summary;
    return found;
  }
  Found operator()(const SearchQuery& query) const {
    auto found = attempt(query);
    EXPECT_TRUE(found) << (found ? "" : found.error().message);
    return found ? *found : Found{};
  }
  Found operator()(const std::string& pattern, SearchKind kind = SearchKind::regex) const {
    SearchQuery query;
    query.pattern = pattern;
    query.kind = kind;
    return (*this)(query);
  }
};

using Paths = std::vector<std::string>;

TEST_P(StoreSuite, S47_LinesThatMatchAreToldWithTheirPlace) {
  const Searcher search{store(), call(), volume_};
  const Node file = put("/notes/deploy.md", "# Deploys\nOn tuesdays, and\nnever on fridays.\n");
  put("/other.md", "nothing here");
  const Found found = search("on (tues|fri)day");
  ASSERT_EQ(found.paths(), Paths{"/notes/deploy.md"});
  const SearchedFile& one = found.files[0];
  EXPECT_EQ(one.inode, file.inode);
  EXPECT_EQ(one.version, file.version);
  EXPECT_EQ(one.matches, 1U);
  ASSERT_EQ(one.lines.size(), 1U);
  EXPECT_EQ(one.lines[0].number, 3U);
  EXPECT_EQ(one.lines[0].offset, 27U);
  EXPECT_EQ(one.lines[0].text, "never on fridays.");
  ASSERT_EQ(one.lines[0].spans.size(), 1U);
  EXPECT_EQ(one.lines[0].spans[0], std::pair(6U, 9U));
  EXPECT_EQ(found.summary.cut, SearchCut::none);
  EXPECT_EQ(found.summary.next, "");
  EXPECT_EQ(found.summary.seq, head());
}

TEST_P(StoreSuite, S47_CaseIsIgnoredWhereAsked) {
  const Searcher search{store(), call(), volume_};
  put("/a", "Straße UND Küche");
  put("/b", "straSSE und küche");
  SearchQuery query;
  query.pattern = "KÜCHE";
  EXPECT_TRUE(search(query).files.empty());
  query.ignore_case = true;
  EXPECT_EQ(search(query).paths(), (Paths{"/a", "/b"}));
  query.pattern = "strasse";  // letters fold one to one
  EXPECT_EQ(search(query).paths(), Paths{"/b"});
}

TEST_P(StoreSuite, S47_ALiteralIsTakenAsItIs) {
  const Searcher search{store(), call(), volume_};
  put("/a", "f(x) = x.*\n");
  put("/b", "f = xyz\n");
  EXPECT_EQ(search("x.*", SearchKind::literal).paths(), Paths{"/a"});
  EXPECT_EQ(search("x.*").paths(), (Paths{"/a", "/b"}));
}

TEST_P(StoreSuite, S47_WordsMustAllBeThere) {
  const Searcher search{store(), call(), volume_};
  put("/a", "The staging database\nis called Heron.\n");
  put("/b", "The heron is a bird.\n");
  put("/c", "databases of herons\n");
  EXPECT_EQ(search("heron database", SearchKind::words).paths(), Paths{"/a"});
  EXPECT_EQ(search("heron -bird", SearchKind::words).paths(), Paths{"/a"});
  EXPECT_EQ(search("\"staging database\"", SearchKind::words).paths(), Paths{"/a"});
  EXPECT_TRUE(search("\"database is\"", SearchKind::words).files.empty());  // not in one line
  const Found lines = search("heron staging", SearchKind::words);
  ASSERT_EQ(lines.files.size(), 1U);
  ASSERT_EQ(lines.files[0].lines.size(), 2U);
  EXPECT_EQ(lines.files[0].lines[1].spans[0], std::pair(10U, 5U));
}

TEST_P(StoreSuite, S47_OnlyCurrentContentIsSearched) {
  const Searcher search{store(), call(), volume_};
  put("/a", "alpha");
  put("/a", "beta");
  put("/gone", "alpha");
  done(Unlink{at("/gone")});
  EXPECT_TRUE(search("alpha").files.empty());
  done(Append{NodeRef{"/a"}, "\ngamma"});
  EXPECT_EQ(search("gamma").paths(), Paths{"/a"});
  done(move("/a", "/moved"));
  EXPECT_EQ(search("gamma").paths(), Paths{"/moved"});
}

TEST_P(StoreSuite, S47_EveryNameOfAFileIsTold) {
  const Searcher search{store(), call(), volume_};
  put("/a", "shared");
  done(MakeLink{NodeRef{"/a"}, at("/d")});
  EXPECT_EQ(search("shared").paths(), (Paths{"/a", "/d"}));
}

TEST_P(StoreSuite, S47_RootsAndGlobsChooseFiles) {
  const Searcher search{store(), call(), volume_};
  for (const char* path : {"/a/x.md", "/a/deep/y.md", "/a/z.txt", "/a-b/x.md", "/c.md"}) {
    put(path, "needle");
  }
  SearchQuery query;
  query.pattern = "needle";
  query.roots = {"/a"};
  EXPECT_EQ(search(query).paths(), (Paths{"/a/deep/y.md", "/a/x.md", "/a/z.txt"}));
  query.roots = {"/c.md", "/a/deep"};
  EXPECT_EQ(search(query).paths(), (Paths{"/a/deep/y.md", "/c.md"}));
  query.roots = {"/none"};
  EXPECT_TRUE(search(query).files.empty());
  query.roots = {"/"};
  query.glob = "*.md";
  EXPECT_EQ(search(query).files.size(), 4U);
  query.glob = "/a/*.{md,txt}";
  EXPECT_EQ(search(query).paths(), (Paths{"/a/x.md", "/a/z.txt"}));
  query.glob = "/**/[x-y].md";
  EXPECT_EQ(search(query).paths(), (Paths{"/a-b/x.md", "/a/deep/y.md", "/a/x.md"}));
}

TEST_P(StoreSuite, S47_ContextIsShownOnceAndInOrder) {
  const Searcher search{store(), call(), volume_};
  put("/a", "1\n2\nx3\n4\nx5\n6\n7\n8\nx9\n");
  SearchQuery query;
  query.pattern = "x";
  query.context = 1;
  const Found found = search(query);
  ASSERT_EQ(found.files.size(), 1U);
  std::string shown;
  for (const SearchLine& line : found.files[0].lines) {
    shown += std::to_string(line.number) + (line.spans.empty() ? "-" : ":") + line.text + " ";
  }
  EXPECT_EQ(shown, "2-2 3:x3 4-4 5:x5 6-6 8-8 9:x9 ");
}

TEST_P(StoreSuite, S47_BinaryAndHugeFilesArePassedOverAndCounted) {
  const Searcher search{store(), call(), volume_};
  put("/binary", std::string("needle\0needle", 13));
  const std::string chunked = std::string(kInlineBytesMax + 100, '-') + "\nneedle\n";
  put("/chunked", chunked);
  put("/binary-chunked", chunked + std::string("\0", 1));
  put("/huge", std::string(kSearchFileBytesMax, '-') + "\nneedle\n");
  const Found found = search("needle");
  ASSERT_EQ(found.paths(), Paths{"/chunked"});
  EXPECT_EQ(found.files[0].lines[0].number, 2U);
  EXPECT_EQ(found.summary.files_binary, 2U);
  EXPECT_EQ(found.summary.files_too_big, 1U);
}

TEST_P(StoreSuite, S47_ALongLineIsCutAroundItsMatch) {
  const Searcher search{store(), call(), volume_};
  put("/a", std::string(100'000, '-') + "needle" + std::string(100'000, '-'));
  const Found found = search("needle");
  ASSERT_EQ(found.files.size(), 1U);
  const SearchLine& line = found.files[0].lines[0];
  EXPECT_EQ(line.text.size(), kSearchLineBytesMax);
  EXPECT_TRUE(line.cut);
  ASSERT_EQ(line.spans.size(), 1U);
  EXPECT_EQ(line.skipped + line.spans[0].first, 100'000U);
  EXPECT_EQ(line.text.substr(line.spans[0].first, line.spans[0].second), "needle");
}

TEST_P(StoreSuite, S47_ACutSearchGoesOnWhereItStopped) {
  const Searcher search{store(), call(), volume_};
  for (char name = 'a'; name <= 'h'; ++name) {
    put(std::string("/") + name, "needle\nneedle\nneedle\n");
  }
  SearchQuery query;
  query.pattern = "needle";
  query.matches_max = 6;
  Paths all;
  int pages = 0;
  do {
    const Found page = search(query);
    for (const std::string& path : page.paths()) all.push_back(path);
    query.after = page.summary.next;
    EXPECT_EQ(page.summary.cut, query.after.empty() ? SearchCut::none : SearchCut::matches);
    ++pages;
  } while (!query.after.empty() && pages < 10);
  EXPECT_EQ(all, (Paths{"/a", "/b", "/c", "/d", "/e", "/f", "/g", "/h"}));
  EXPECT_EQ(pages, 4);
  query.after.clear();
  query.matches_max = 0;
  query.matches_per_file_max = 2;
  EXPECT_TRUE(search(query).files[0].more);
  query.show = SearchShow::counts;
  EXPECT_EQ(search(query).files[0].matches, 3U);
  query.show = SearchShow::files;
  EXPECT_EQ(search(query).files.size(), 8U);
}

TEST_P(StoreSuite, S47_OneWhoHasEnoughIsNotToldMore) {
  for (char name = 'a'; name <= 'h'; ++name) put(std::string("/") + name, "needle");
  SearchQuery query;
  query.pattern = "needle";
  int told = 0;
  ASSERT_TRUE(store().search(call(), volume_, query, [&](SearchedFile) { return ++told < 3; }));
  EXPECT_EQ(told, 3);
}

TEST_P(StoreSuite, S47_WhatIsNoPatternIsRefusedWithItsPlace) {
  const Searcher search{store(), call(), volume_};
  put("/a", "x");
  SearchQuery query;
  query.pattern = "fine(but";
  auto refused = search.attempt(query);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::invalid);
  EXPECT_NE(refused.error().message.find("missing )"), std::string::npos);
  query.pattern = "a(?!b)";
  refused = search.attempt(query);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("at byte 2"), std::string::npos);
  query.pattern.clear();
  EXPECT_EQ(search.attempt(query).error().code, Code::invalid);
  query.pattern = "two\nlines";
  EXPECT_EQ(search.attempt(query).error().code, Code::invalid);
  query.pattern = "x";
  query.glob = "[a";
  EXPECT_EQ(search.attempt(query).error().code, Code::invalid);
  query.glob.clear();
  query.roots = {"no/slash"};
  EXPECT_EQ(search.attempt(query).error().code, Code::invalid);
  query.roots = {"/"};
  query.kind = SearchKind::words;
  query.pattern = "-only";
  EXPECT_EQ(search.attempt(query).error().code, Code::invalid);
}

// A pattern that takes exponential time where matching backtracks.
TEST_P(StoreSuite, S47_NoPatternTakesForEver) {
  const Searcher search{store(), call(), volume_};
  put("/a", std::string(20'000, 'a') + "!\n");
  EXPECT_TRUE(search("^(a+)+$").files.empty());
  EXPECT_TRUE(search("(a|a?)+b").files.empty());
}

}  // namespace
}  // namespace outboard::tests
