// Plain SQL as a client: through the same history, order, feed and rules as everybody else.
#include <gtest/gtest.h>

#include <thread>

#include "server/postgres/sql_fixture.h"

namespace outboard::server {
namespace {

// [S5] An edit in SQL reaches a watcher with its seq, its author and its version.
TEST_F(SqlTest, S17_AnEditIsSeenByTheFeedWithItsAuthor) {
  ASSERT_TRUE(store().apply(call(), memory_, put("/notes/a.md", "one")));
  const Seq before = head(memory_);
  run("UPDATE outboard.memory_files SET content = 'two' WHERE org = 'acme' AND path = "
      "'/notes/a.md'");
  const auto changes = follow(store(), memory_, before, Seq{before.value + 1});
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].kind, ChangeKind::write);
  EXPECT_EQ(changes[0].path, "/notes/a.md");
  EXPECT_EQ(changes[0].origin.principal, "sql:postgres");
  EXPECT_EQ(changes[0].node.attributes.size, 3U);
  EXPECT_EQ(changes[0].node.digest, sha256("two"));
  EXPECT_EQ(content(memory_, "/notes/a.md"), "two");
  auto versions = store().versions(call(), memory_, "/notes/a.md");
  ASSERT_TRUE(versions);
  EXPECT_EQ(versions->value.front().seq, changes[0].seq);
  EXPECT_EQ(versions->value.front().origin.principal, "sql:postgres");
}

TEST_F(SqlTest, S17_AnInsertMakesItsDirectories) {
  run(insert("/a/b/c.md", "text"));
  EXPECT_EQ(content(memory_, "/a/b/c.md"), "text");
  const auto root = store().attributes(call(), memory_, "/", {});
  EXPECT_EQ(root->value.attributes.links, 3U);
  EXPECT_EQ(store().attributes(call(), memory_, "/a", {})->value.attributes.links, 3U);
  const Volume after = *store().describe(call(), memory_);
  EXPECT_EQ(after.used_bytes, 4U);
  EXPECT_EQ(after.used_nodes, 3U);
  EXPECT_EQ(text("SELECT content FROM outboard.memory_files WHERE path = '/a/b/c.md'"), "text");
  // What SQL made, others go on with.
  ASSERT_TRUE(store().apply(call(), memory_, put("/a/b/d.md", "more")));
  EXPECT_EQ(store().describe(call(), memory_)->used_nodes, 4U);
}

TEST_F(SqlTest, S17_ANewPathIsARename) {
  run(insert("/a/x.md", "text"));
  const Inode inode = store().attributes(call(), memory_, "/a/x.md", {})->value.inode;
  run("UPDATE outboard.memory_files SET path = '/b/y.md', content = 'new' WHERE path = '/a/x.md'");
  auto moved = store().attributes(call(), memory_, "/b/y.md", {});
  ASSERT_TRUE(moved);
  EXPECT_EQ(moved->value.inode, inode);
  EXPECT_EQ(content(memory_, "/b/y.md"), "new");
  EXPECT_EQ(content(memory_, "/a/x.md"), "[not_found]");
}

TEST_F(SqlTest, S17_ADeleteKeepsHistory) {
  run(insert("/a.md", "text"));
  const Inode inode = store().attributes(call(), memory_, "/a.md", {})->value.inode;
  run("DELETE FROM outboard.memory_files WHERE path = '/a.md'");
  EXPECT_EQ(content(memory_, "/a.md"), "[not_found]");
  EXPECT_EQ(store().describe(call(), memory_)->used_bytes, 0U);
  EXPECT_EQ(store().describe(call(), memory_)->used_nodes, 0U);
  EXPECT_EQ(store().read(call(), memory_, inode, Version{1}, 0, 100)->value.bytes, "text");
}

TEST_F(SqlTest, LargeTextsComeAndGo) {
  run("INSERT INTO outboard.memory_files (org, path, content) "
      "VALUES ('acme', '/big.md', repeat('0123456789', 20000))");
  std::string whole;
  for (int i = 0; i < 20'000; ++i) whole += "0123456789";
  EXPECT_EQ(content(memory_, "/big.md"), whole);
  EXPECT_EQ(text("SELECT content FROM outboard.memory_files WHERE path = '/big.md'"), whole);
  const Inode inode = store().attributes(call(), memory_, "/big.md", {})->value.inode;
  const Batch edit{{}, 0, {Step{Write{inode, {}, {}, {Extent{70'000, "XYZ"}}, {}}, {}}}};
  ASSERT_TRUE(store().apply(call(), memory_, edit));
  whole.replace(70'000, 3, "XYZ");
  EXPECT_EQ(text("SELECT content FROM outboard.memory_files WHERE path = '/big.md'"), whole);
  run("UPDATE outboard.memory_files SET content = 'small' WHERE path = '/big.md'");
  EXPECT_EQ(content(memory_, "/big.md"), "small");
}

TEST_F(SqlTest, WhatIsNoTextShowsNullAndIsReplacedOnlyWhole) {
  ASSERT_TRUE(store().apply(call(), memory_, put("/image.png", std::string("\x89PNG\0\xff", 6))));
  EXPECT_EQ(text("SELECT content FROM outboard.memory_files WHERE path = '/image.png'"), "[null]");
  run("UPDATE outboard.memory_files SET path = '/logo.png' WHERE path = '/image.png'");
  EXPECT_EQ(content(memory_, "/logo.png"), std::string("\x89PNG\0\xff", 6));
  run("UPDATE outboard.memory_files SET content = 'text' WHERE path = '/logo.png'");
  EXPECT_EQ(content(memory_, "/logo.png"), "text");
}

// [S13] One order of all writers, without gaps, whoever they are.
TEST_F(SqlTest, S17_SqlAndStoreWritersShareOneOrderWithoutGaps) {
  ASSERT_TRUE(store().apply(call(), memory_, put("/log", "")));
  std::thread by_store([&] {
    for (int i = 0; i < 60; ++i) {
      auto done = store().apply(call(), memory_, {{}, 0, {Step{Append{NodeRef{"/log"}, "x"}, {}}}});
      EXPECT_TRUE(done) << done.error().message;
    }
  });
  for (int i = 0; i < 60; ++i) run(insert("/sql/" + std::to_string(i) + ".md", "text"));
  by_store.join();
  const Seq last = head(memory_);
  const auto changes = follow(store(), memory_, {}, last);
  ASSERT_EQ(changes.size(), last.value);
  for (std::size_t i = 0; i < changes.size(); ++i) ASSERT_EQ(changes[i].seq.value, i + 1);
  EXPECT_EQ(content(memory_, "/log").size(), 60U);
}

// An admin's BEGIN; UPDATE … left open holds the rows it touched and nothing else.
TEST_F(SqlTest, S17_AnOpenTransactionStallsNobodyElse) {
  ASSERT_TRUE(store().apply(call(), memory_, put("/mine", "one")));
  ASSERT_TRUE(store().apply(call(), memory_, put("/yours", "one")));
  run("BEGIN");
  run("UPDATE outboard.memory_files SET content = 'two' WHERE path = '/mine'");
  run(insert("/new.md", "text"));
  std::thread blocked([&] {
    auto done = store().apply(call(), memory_, put("/mine", "three"));
    EXPECT_TRUE(done) << done.error().message;
  });
  for (int i = 0; i < 20; ++i) {
    auto done = store().apply(call(), memory_, put("/yours", std::to_string(i)));
    ASSERT_TRUE(done) << done.error().message;
    ASSERT_TRUE(store().apply(call(), memory_, put("/dir/" + std::to_string(i), "x")));
  }
  EXPECT_EQ(content(memory_, "/mine"), "one");
  EXPECT_EQ(content(memory_, "/new.md"), "[not_found]");
  run("COMMIT");
  blocked.join();
  EXPECT_EQ(content(memory_, "/mine"), "three");
  EXPECT_EQ(content(memory_, "/new.md"), "text");
  EXPECT_EQ(store().versions(call(), memory_, "/mine")->value.size(), 3U);
}

TEST_F(SqlTest, ABlockedWriteSaysSoAtItsDeadline) {
  ASSERT_TRUE(store().apply(call(), memory_, put("/mine", "one")));
  run("BEGIN");
  run("UPDATE outboard.memory_files SET content = 'two' WHERE path = '/mine'");
  auto done = store().apply(internal_call(std::chrono::steady_clock::now() + 300ms), memory_,
                            put("/mine", "three"));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::timed_out);
  run("ROLLBACK");
  // On a busy machine a last try may be under way at the deadline; then it says that, too.
  if (done.error().message.find("same request id") == std::string::npos) {
    EXPECT_EQ(content(memory_, "/mine"), "one");
  }
}

TEST_F(SqlTest, S17_WhatIsRolledBackIsNotInTheLog) {
  run("BEGIN");
  run(insert("/a.md", "a"));
  run("SAVEPOINT s");
  run(insert("/b.md", "b"));
  run("ROLLBACK TO s");
  run(insert("/c.md", "c"));
  run("COMMIT");
  run("BEGIN");
  run(insert("/d.md", "d"));
  run("ROLLBACK");
  const auto changes = follow(store(), memory_, {}, head(memory_));
  ASSERT_EQ(changes.size(), 2U);
  EXPECT_EQ(changes[0].path, "/a.md");
  EXPECT_EQ(changes[1].path, "/c.md");
}

TEST_F(SqlTest, S17_BrokenRulesSayWhatToDo) {
  const auto says = [this](const std::string& statement, const std::string& part) {
    const std::string message = error(statement);
    EXPECT_NE(message.find(part), std::string::npos) << statement << "\n" << message;
  };
  says(insert("notes.md", ""), "paths start with \"/\"");
  says(insert("/a//b", ""), "empty name");
  says(insert("/a/../b", ""), "paths here are absolute");
  says(insert("/.history/x", ""), "reserved");
  says(insert("/" + std::string(256, 'x'), ""), "limit is 255");
  says("INSERT INTO outboard.memory_files (org, path, content) VALUES ('none', '/a', '')",
       "there is no volume");
  run(insert("/a", "x"));
  says(insert("/a", "y"), "exists already");
  says(insert("/a/b", "y"), "is no directory");
  says("UPDATE outboard.memory_files SET content = NULL WHERE path = '/a'", "would be null");
  says("UPDATE outboard.memory_files SET size = 7 WHERE path = '/a'", "only path and content");
  says("UPDATE outboard.memory_files SET org = 'globex' WHERE path = '/a'", "another volume");
  says("TRUNCATE outboard.versions", "without history");
  EXPECT_EQ(content(memory_, "/a"), "x");
}

TEST_F(SqlTest, S22_SkillsKeepTheirFrontmatter) {
  run(insert("/greet/SKILL.md", kSkill, "skill_files"));
  EXPECT_EQ(content(skills_, "/greet/SKILL.md"), kSkill);
  const auto refused = [this](const std::string& content, const std::string& part) {
    const std::string message = error("UPDATE outboard.skill_files SET content = '" + content +
                                      "' WHERE path = '/greet/SKILL.md'");
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  refused("no frontmatter", "no frontmatter");
  refused("---\nname: other\ndescription: x\n---\n", "not its folder");
  refused("---\nname: greet\n---\n", "description");
  refused("---\nname: Greet!\ndescription: x\n---\n", "no skill");
  EXPECT_EQ(content(skills_, "/greet/SKILL.md"), kSkill);
}

TEST_F(SqlTest, S21_QuotasHoldForSqlToo) {
  ASSERT_TRUE(admin().change_volume(call(), "acme/memory", {.quota_bytes = 10}));
  EXPECT_NE(error(insert("/a", "12345678901")).find("quota"), std::string::npos);
  EXPECT_EQ(content(memory_, "/a"), "[not_found]");
  run(insert("/a", "1234567890"));
}

TEST_F(SqlTest, ManyFilesAtOnceAreOneTransaction) {
  run("INSERT INTO outboard.memory_files (org, path, content) "
      "SELECT 'acme', '/many/' || i, 'text ' || i FROM generate_series(1, 2000) i");
  const Seq before = head(memory_);
  run("UPDATE outboard.memory_files SET content = content || '!' WHERE path LIKE '/many/%'");
  EXPECT_EQ(head(memory_).value, before.value + 2'000);
  EXPECT_EQ(content(memory_, "/many/1234"), "text 1234!");
}

}  // namespace
}  // namespace outboard::server
