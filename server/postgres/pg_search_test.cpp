// The search index: it changes how many files are read, never what is found. [S47]
#include <gtest/gtest.h>

#include "server/postgres/database_fixture.h"
#include "server/postgres/search_indexer.h"

namespace outboard::server {
namespace {

constexpr Sql kFiles{"test_files", "SELECT count(*) FROM search_files"};
constexpr Sql kVolumes{"test_volumes", "SELECT count(*) FROM search_volumes"};
constexpr Sql kIndexed{"test_indexed",
                       "SELECT count(*) FROM search_volumes s JOIN volumes v ON v.id = s.volume "
                       "WHERE s.indexed_seq = v.head_seq AND s.built_inode IS NULL"};

class PgSearchTest : public DatabaseTest {
 protected:
  struct Found {
    std::vector<SearchedFile> files;
    SearchSummary summary;
  };

  Found search(const std::string& pattern, SearchKind kind = SearchKind::regex) {
    SearchQuery query;
    query.pattern = pattern;
    query.kind = kind;
    Found found;
    auto summary = store().search(call(), volume_, query, [&](SearchedFile file) {
      found.files.push_back(std::move(file));
      return true;
    });
    EXPECT_TRUE(summary) << (summary ? "" : summary.error().message);
    if (summary) found.summary = *summary;
    return found;
  }
  void write(const std::string& path, std::string bytes) {
    ASSERT_TRUE(store().apply(call(), volume_, put(path, std::move(bytes))));
  }
  // As the server's own indexer would, without its thread.
  void index() {
    const Moment until = std::chrono::steady_clock::now() + kTestWait;
    for (;;) {
      auto more = SearchIndexer::step(*connection_, collector_, volume_);
      ASSERT_TRUE(more) << more.error().message;
      if (!*more && indexed()) return;
      ASSERT_LT(std::chrono::steady_clock::now(), until);
    }
  }
  // The server's own may hold the lock: then it is not done yet.
  bool indexed() { return count(kIndexed) == 1; }
  std::int64_t count(const Sql& sql) {
    auto rows = connection_->run(sql, {}, std::chrono::steady_clock::now() + kTestWait);
    EXPECT_TRUE(rows) << (rows ? "" : rows.error().message);
    return rows ? rows->number(0, 0) : -1;
  }

  const VolumeId volume_ = volume("acme/memory");
  const std::unique_ptr<Connection> connection_ = connect();
  GramCollector collector_;
};

TEST_F(PgSearchTest, S47_AnIndexAnswersAsNoIndexDoes) {
  for (int i = 0; i < 700; ++i) {
    write(
        "/" + std::to_string(i % 7) + "/f" + std::to_string(i),
        "file number " + std::to_string(i) + "\nword" + std::to_string(i * 7919 % 700) + " end\n");
  }
  write("/long", std::string(200'000, '-') + "\nword77 in chunks\n");
  const std::vector<std::pair<std::string, SearchKind>> queries = {
      {"word77", SearchKind::literal},
      {"word(12|345) end", SearchKind::regex},
      {"(?i)NUMBER 69[0-9]", SearchKind::regex},
      {"word77", SearchKind::words},
      {"w.r", SearchKind::regex},
      {"nowhere", SearchKind::literal}};
  std::vector<Found> before;
  for (const auto& [pattern, kind] : queries) before.push_back(search(pattern, kind));
  index();
  for (std::size_t i = 0; i < queries.size(); ++i) {
    const Found after = search(queries[i].first, queries[i].second);
    EXPECT_EQ(after.files, before[i].files) << queries[i].first;
    const bool narrow = queries[i].first != "w.r";
    EXPECT_EQ(after.summary.index, narrow ? SearchIndex::used : SearchIndex::none);
  }
  EXPECT_FALSE(before[0].files.empty());
  EXPECT_EQ(search("word77", SearchKind::words).summary.files_read, 2U);
  EXPECT_LE(search("nowhere", SearchKind::literal).summary.files_read, 0U);
}

TEST_F(PgSearchTest, S47_WhatWasJustWrittenIsFoundBesideTheIndex) {
  write("/a", "alpha needle");
  write("/b", "beta");
  index();
  write("/b", "beta needle");
  write("/a", "alpha");
  const Found found = search("needle");
  EXPECT_EQ(found.summary.index, SearchIndex::used);
  ASSERT_EQ(found.files.size(), 1U);
  EXPECT_EQ(found.files[0].path, "/b");
  auto plain = connect();
  sql(*plain,
      "INSERT INTO outboard.memory_files (org, volume, path, content) "
      "VALUES ('acme', 'memory', '/by-sql', 'a needle')");
  EXPECT_EQ(search("needle").files.size(), 2U);
}

TEST_F(PgSearchTest, ACommitWritesNothingForSearches) {
  write("/a", "alpha");
  EXPECT_EQ(count(kFiles), 0);
  EXPECT_EQ(count(kVolumes), 0);
}

TEST_F(PgSearchTest, WhatIsGoneLeavesTheIndex) {
  write("/a", "alpha");
  write("/b", "beta");
  index();
  EXPECT_EQ(count(kFiles), 2);
  ASSERT_TRUE(store().apply(call(), volume_, Batch{{}, 0, {Step{Unlink{{"/", "a"}}, {}}}}));
  write("/b", std::string("\0binary", 7));
  index();
  EXPECT_EQ(count(kFiles), 0);
}

TEST_F(PgSearchTest, APurgedContentLeavesTheIndexAtOnce) {
  write("/a", "alpha secret");
  index();
  EXPECT_EQ(search("secret").files.size(), 1U);
  sql(*connection_, "UPDATE outboard.versions SET redacted = true, data = NULL");
  EXPECT_EQ(count(kFiles), 0);
  EXPECT_TRUE(search("secret").files.empty());
}

TEST_F(PgSearchTest, APrunedLogMakesTheIndexBeginAnew) {
  write("/a", "alpha");
  index();
  write("/b", "beta needle");
  write("/c", "gamma");
  sql(*connection_,
      "DELETE FROM outboard.changes WHERE seq < 3; "
      "UPDATE outboard.volumes SET pruned_seq = 2");
  EXPECT_EQ(search("needle").summary.index, SearchIndex::building);
  EXPECT_EQ(search("needle").files.size(), 1U);
  index();
  EXPECT_EQ(search("needle").summary.index, SearchIndex::used);
  EXPECT_EQ(search("needle").files.size(), 1U);
}

}  // namespace
}  // namespace outboard::server
