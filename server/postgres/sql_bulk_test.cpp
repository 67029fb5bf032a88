// Statements that change many files: one edit each, by the rules of every other write.
#include "server/postgres/sql_fixture.h"

namespace outboard::server {
namespace {

class SqlBulkTest : public SqlTest {};

TEST_F(SqlBulkTest, S37_TenThousandFilesAreOneEdit) {
  run(insert_many(10'000));
  EXPECT_EQ(head(memory_).value, 10'001U);
  run("UPDATE outboard.memory_files SET content = content || '!' WHERE path LIKE '/many/%'");
  EXPECT_EQ(head(memory_).value, 20'001U);
  run("UPDATE outboard.memory_files SET path = replace(path, '/many/', '/' || length(path) || "
      "'/deep/') WHERE path LIKE '/many/%'");
  EXPECT_EQ(content(memory_, "/13/deep/1234.md").size(), 1'025U);
  EXPECT_EQ(content(memory_, "/many/1234.md"), "[not_found]");
  expect_log_tells_tree(memory_);
  run("DELETE FROM outboard.memory_files WHERE path LIKE '%/deep/%'");
  EXPECT_EQ(store().describe(call(), memory_)->used_bytes, 0U);
  expect_log_tells_tree(memory_);
}

TEST_F(SqlBulkTest, S37_AStatementThatBreaksARuleChangesNothing) {
  run(insert_many(100));
  const Seq before = head(memory_);
  refused(insert_many(200), "exists already");
  refused("UPDATE outboard.memory_files SET path = '/' || repeat('x', length(path) * 25)",
          "limit is 255");
  refused(
      "UPDATE outboard.memory_files SET path = CASE path WHEN '/many/7.md' THEN '/many/8.md' "
      "ELSE '/new' || path END",
      "\"/many/8.md\" exists already");
  refused("UPDATE outboard.memory_files SET path = '/one.md'", "made twice");
  refused("INSERT INTO outboard.memory_files (org, path) VALUES ('acme', '/a'), ('acme', '/a')",
          "made twice");
  refused("UPDATE outboard.memory_files SET content = repeat(content, 65537)",
          "limit for plain SQL");
  refused("UPDATE outboard.memory_files f SET content = x FROM (VALUES ('a'), ('b')) AS t(x)",
          "two contents from one statement");
  EXPECT_EQ(head(memory_), before);
  expect_log_tells_tree(memory_);
}

// [S21] The whole statement, or nothing of it.
TEST_F(SqlBulkTest, S37_AQuotaHoldsInTheMiddleOfAStatement) {
  ASSERT_TRUE(admin().change_volume(call(), "acme/memory", {.quota_bytes = 50 * 1'024}));
  refused(insert_many(51),
          "its quota is 51200 bytes, 0 nodes and 0 versions (0: none): remove something");
  run(insert_many(50));
  refused("UPDATE outboard.memory_files SET content = content || '!' WHERE path = '/many/1.md'",
          "quota");
  ASSERT_TRUE(admin().change_volume(call(), "acme/memory", {.quota_bytes = 0, .quota_nodes = 51}));
  refused(insert("/more.md", ""),
          "in 52 nodes and 51 kept versions, its quota is 0 bytes, 51 nodes");
  // What is freed in the same transaction counts.
  run("BEGIN; DELETE FROM outboard.memory_files WHERE path = '/many/1.md'; " +
      insert("/more.md", "") + "; COMMIT");
  expect_log_tells_tree(memory_);
}

TEST_F(SqlBulkTest, S37_LaterStatementsOfATransactionSeeEarlierOnes) {
  run("BEGIN");
  run(insert_many(100));
  run("UPDATE outboard.memory_files SET content = 'v2 ' || path");
  run("UPDATE outboard.memory_files SET path = '/moved' || path WHERE path LIKE '%9.md'");
  EXPECT_EQ(text("SELECT content || version FROM outboard.memory_files WHERE path = "
                 "'/moved/many/99.md'"),
            "v2 /many/99.md2");
  run("SAVEPOINT s");
  run("DELETE FROM outboard.memory_files");
  EXPECT_EQ(text("SELECT count(*)::text FROM outboard.memory_files"), "0");
  run("ROLLBACK TO s");
  EXPECT_EQ(text("SELECT count(*)::text FROM outboard.memory_files"), "100");
  run("SAVEPOINT t");
  refused(insert("/many/x", "") + ", ('acme', 'bad', '')", "paths start with");
  run("ROLLBACK TO t");
  run("DELETE FROM outboard.memory_files WHERE path LIKE '/moved/%'");
  run("UPDATE outboard.memory_files SET content = content || ' v3' WHERE path = '/many/1.md'");
  run("COMMIT");
  EXPECT_EQ(content(memory_, "/many/1.md"), "v2 /many/1.md v3");
  EXPECT_EQ(text("SELECT count(*)::text FROM outboard.memory_files"), "90");
  EXPECT_EQ(store().versions(call(), memory_, "/many/1.md")->value.size(), 3U);
  expect_log_tells_tree(memory_);
}

// [S15] Each of a transaction's versions is kept, large ones too.
TEST_F(SqlBulkTest, S37_ATransactionMayWriteAFileSeveralTimes) {
  const std::string large = "repeat('0123456789', 20000)";
  run("BEGIN; " + insert("/a.md", "one"));
  run("UPDATE outboard.memory_files SET content = " + large);
  EXPECT_EQ(text("SELECT (content = " + large + ")::text FROM outboard.memory_files"), "true");
  run("UPDATE outboard.memory_files SET content = left(content, 5)");
  EXPECT_EQ(text("SELECT content || author FROM outboard.memory_files"), "01234sql:postgres");
  run("COMMIT");
  EXPECT_EQ(content(memory_, "/a.md"), "01234");
  const Inode inode = store().attributes(call(), memory_, "/a.md", {})->value.inode;
  EXPECT_EQ(store().read(call(), memory_, inode, Version{1}, 0, 100)->value.bytes, "one");
  const auto middle = store().read(call(), memory_, inode, Version{2}, 199'990, 100);
  EXPECT_EQ(middle->value.bytes, "0123456789");
  expect_log_tells_tree(memory_);
}

// Whoever asks for the seqs before COMMIT gets them, statement by statement.
TEST_F(SqlBulkTest, S37_ConstraintsMayBeImmediate) {
  run("BEGIN; SET CONSTRAINTS ALL IMMEDIATE");
  run(insert("/d/a.md", "one"));
  EXPECT_EQ(text("SELECT string_agg(path, ',' ORDER BY seq) FROM outboard.log"), "/d,/d/a.md");
  run("UPDATE outboard.memory_files SET path = '/e/a.md', content = 'two'");
  run("DELETE FROM outboard.memory_files; " + insert("/e/b.md", "three") + "; COMMIT");
  EXPECT_EQ(content(memory_, "/e/b.md"), "three");
  expect_log_tells_tree(memory_);
}

TEST_F(SqlBulkTest, S37_ReturningTellsWhatWillBe) {
  const std::string shown =
      "content || ' ' || size || ' ' || version || ' ' || sha256 || ' ' || "
      "modified || ' ' || author";
  const std::string all = "SELECT " + shown + " FROM outboard.memory_files WHERE path = '/a.md'";
  const std::string made = text(insert("/a.md", "äöü") + " RETURNING " + shown);
  EXPECT_EQ(made, text(all));
  const std::string changed =
      text("UPDATE outboard.memory_files SET content = 'two' RETURNING " + shown);
  EXPECT_EQ(changed, text(all));
  EXPECT_NE(changed, made);
}

TEST_F(SqlBulkTest, S37_NamesOfOneFileAreOneFile) {
  ASSERT_TRUE(store().apply(call(), memory_, put("/a.md", "one")));
  for (const char* name : {"b.md", "c.md"}) {
    const MakeLink link{NodeRef{std::string("/a.md")}, NameRef{"/", name}};
    ASSERT_TRUE(store().apply(call(), memory_, {{}, 0, {Step{link, {}}}}));
  }
  run("UPDATE outboard.memory_files SET content = content || ' two'");
  EXPECT_EQ(content(memory_, "/c.md"), "one two");
  EXPECT_EQ(store().versions(call(), memory_, "/a.md")->value.size(), 2U);
  refused("UPDATE outboard.memory_files SET content = path", "two contents");
  run("DELETE FROM outboard.memory_files WHERE path <> '/a.md'");
  EXPECT_EQ(store().attributes(call(), memory_, "/a.md", {})->value.attributes.links, 1U);
  run("DELETE FROM outboard.memory_files");
  expect_log_tells_tree(memory_);
}

TEST_F(SqlBulkTest, S37_OneStatementMayMoveFilesBetweenVolumes) {
  run(insert_many(50));
  run("WITH gone AS (DELETE FROM outboard.memory_files RETURNING org, path, content) "
      "INSERT INTO outboard.skill_files (org, path, content) "
      "SELECT org, replace(path, 'many', 'greet'), content FROM gone");
  EXPECT_EQ(content(skills_, "/greet/7.md").size(), 1'024U);
  EXPECT_EQ(store().describe(call(), memory_)->used_bytes, 0U);
  expect_log_tells_tree(memory_);
  expect_log_tells_tree(skills_);
}

TEST_F(SqlBulkTest, S37_CopyLoadsFiles) {
  run("COPY outboard.memory_files (org, path, content) FROM PROGRAM "
      "'printf \"acme,/c/1.md,one\\nacme,/c/2.md,two\\n\"' CSV");
  EXPECT_EQ(content(memory_, "/c/2.md"), "two");
  expect_log_tells_tree(memory_);
}

TEST_F(SqlBulkTest, WhatViewsCannotDoIsRefused) {
  run(insert("/a.md", "one"));
  refused(insert("/a.md", "two") + " ON CONFLICT (org, volume, path) DO UPDATE SET content = 'x'",
          "no unique or exclusion constraint");
  refused(insert("/a.md", "two") + " ON CONFLICT DO NOTHING", "exists already");
  refused("DELETE FROM outboard.files", "outboard.files only shows");
  refused("UPDATE outboard.log SET author = 'me'", "outboard.log only shows");
  refused("TRUNCATE outboard.memory_files", "not a table");
  EXPECT_EQ(content(memory_, "/a.md"), "one");
}

// A directory, a file or a link in the way is told as what it is.
TEST_F(SqlBulkTest, S37_KindsStandInTheWay) {
  run(insert("/d/a.md", "one"));
  ASSERT_TRUE(store().apply(call(), memory_, {{}, 0, {Step{MakeSymlink{{"/", "l"}, "d"}, {}}}}));
  refused(insert("/d", ""), "\"/d\" is a directory");
  refused(insert("/d/a.md/b", ""), "\"/d/a.md\" is no directory");
  refused(insert("/l", ""), "exists already");
  refused(insert("/l/x", ""), "\"/l\" is no directory");
  refused("UPDATE outboard.memory_files SET path = '/d'", "\"/d\" is a directory");
  EXPECT_EQ(text("SELECT string_agg(path || ' ' || kind, ', ' ORDER BY path) FROM outboard.files"),
            "/d directory, /d/a.md file, /l symlink");
}

TEST_F(SqlBulkTest, S37_AMovedSkillIsCheckedAgain) {
  run(insert("/greet/SKILL.md", kSkill, "skill_files"));
  refused("UPDATE outboard.skill_files SET path = '/other/SKILL.md'", "not its folder");
  run("UPDATE outboard.skill_files SET path = '/other/SKILL.md', content = replace(content, "
      "'greet', 'other')");
  EXPECT_NE(content(skills_, "/other/SKILL.md").find("name: other"), std::string::npos);
}

TEST_F(SqlBulkTest, FilesOfAnyVolumeAreWrittenByFunction) {
  const VolumeId notes = volume("acme/notes");
  EXPECT_EQ(text("SELECT outboard.write_file('acme', 'notes', '/a/b.md', 'one')::text"), "1");
  EXPECT_EQ(text("SELECT outboard.write_file('acme', 'notes', '/a/b.md', 'two')::text"), "2");
  EXPECT_EQ(content(notes, "/a/b.md"), "two");
  EXPECT_EQ(text("SELECT string_agg(change || ' ' || path || ' ' || author, ', ' ORDER BY seq) "
                 "FROM outboard.log WHERE volume = 'notes'"),
            "create /a sql:postgres, create /a/b.md sql:postgres, write /a/b.md sql:postgres");
  EXPECT_EQ(text("SELECT outboard.delete_file('acme', 'notes', '/a/b.md')::text"), "2");
  EXPECT_EQ(text("SELECT outboard.delete_file('acme', 'notes', '/a/b.md')::text"), "[null]");
  refused("SELECT outboard.write_file('acme', 'notes', '/a', 'x')", "is a directory");
  refused("SELECT outboard.write_file('acme', 'notes', '/x', NULL)", "null or over 64 MiB");
  refused("SELECT outboard.write_file('acme', 'other', '/x', '')", "there is no volume");
  expect_log_tells_tree(notes);
}

// [S7] SQL ends before COMMIT: it cannot wait for mounts.
TEST_F(SqlBulkTest, S7_StrictVolumesTakeNoSql) {
  run(insert("/a.md", "one"));
  run("UPDATE outboard.volumes SET strict = true WHERE name = 'memory'");
  refused(insert("/b.md", ""), "acme/memory\" is strict");
  refused("UPDATE outboard.memory_files SET content = 'two'", "outboard memory put");
  refused("DELETE FROM outboard.memory_files", "is strict");
  refused("SELECT outboard.write_file('acme', 'memory', '/a.md', 'two')", "is strict");
  refused("SELECT outboard.delete_file('acme', 'memory', '/a.md')", "is strict");
  // It may become so while a transaction is open.
  run("UPDATE outboard.volumes SET strict = false WHERE name = 'memory'");
  run("BEGIN");
  run("UPDATE outboard.memory_files SET content = 'late' WHERE path = '/a.md'");
  sql(*connect(), "UPDATE outboard.volumes SET strict = true WHERE name = 'memory'");
  refused("COMMIT", "is strict");
  EXPECT_EQ(content(memory_, "/a.md"), "one");
}

// [S17] Names that no text holds, and others at their limits.
TEST_F(SqlBulkTest, S37_StrangeNamesAndContents) {
  const std::string raw = "caf\xe9";  // Latin-1: in SQL its last byte is U+10FFE9
  ASSERT_TRUE(store().apply(call(), memory_, put("/" + raw + "/a.md", "one")));
  run("UPDATE outboard.memory_files SET content = 'two' WHERE path = U&'/caf\\+10FFE9/a.md'");
  EXPECT_EQ(content(memory_, "/" + raw + "/a.md"), "two");
  run("INSERT INTO outboard.memory_files (org, path, content) VALUES ('acme', "
      "U&'/caf\\+10FFE9/b.md', 'b')");
  EXPECT_EQ(content(memory_, "/" + raw + "/b.md"), "b");
  for (const char* path : {"/x\\+10FFE9", "/x\\+10FFE9/y", "/x/y\\+10FFC3\\+10FFA9"}) {
    refused(std::string("INSERT INTO outboard.memory_files (org, path) VALUES ('acme', U&'") +
                path + "')",
            "stands here for a byte");
  }
  refused("INSERT INTO outboard.memory_files (org, path) VALUES ('acme', repeat('/abcd', 1000))",
          "a path has 5000 bytes, the limit for plain SQL is 2600");
  run("INSERT INTO outboard.memory_files (org, path, content) VALUES ('acme', repeat('/' || "
      "repeat('x', 199), 13), 'deep')");
  refused("INSERT INTO outboard.memory_files (org) VALUES ('acme')", "paths start with");
  refused("INSERT INTO outboard.memory_files (path) VALUES ('/a')", "there is no volume");
  refused("UPDATE outboard.memory_files SET path = NULL", "paths start with");
  refused("UPDATE outboard.memory_files SET modified = 'infinity'", "only path and content");
  refused(
      "INSERT INTO outboard.memory_files (org, path, content) VALUES ('acme', '/nul', E'a\\x00')",
      "0x00");
  refused(
      "INSERT INTO outboard.memory_files (org, path, content) VALUES ('acme', '/bytes', "
      "convert_from('\\xff', 'UTF8'))",
      "invalid byte sequence");
  run("INSERT INTO outboard.memory_files (org, path, content) VALUES ('acme', '/nan', 'NaN'), "
      "('acme', '/null', NULL)");
  EXPECT_EQ(content(memory_, "/nan"), "NaN");
  EXPECT_EQ(content(memory_, "/null"), "");
  expect_log_tells_tree(memory_);
}

}  // namespace
}  // namespace outboard::server
