// The rules for plain SQL say the same as those that the servers ask, on what people write.
#include <gtest/gtest.h>

#include "publishing/house_rules.h"
#include "server/postgres/database_fixture.h"

namespace outboard::server {
namespace {

class WritingRulesTest : public DatabaseTest {
 protected:
  WritingRulesTest() : sql_(connect()) {}

  // The only value of a query with two texts; "" for null.
  std::string ask(const Sql& sql, const std::string& one, const std::string& two) {
    auto rows = sql_->run(sql, Params().bytes(one).bytes(two),
                          std::chrono::steady_clock::now() + kTestWait);
    if (!rows) return rows.error().message;
    return rows->null(0, 0) ? "" : rows->text(0, 0);
  }
  // What check_write raises, or "no error".
  std::string write(VolumeId volume, const std::string& path, const std::string& content) {
    return sql_error(*sql_, "SELECT outboard.check_write(" + to_string(volume) + ", '" + path +
                                "', $text$" + content + "$text$)");
  }

  const std::unique_ptr<Connection> sql_;
};

TEST_F(WritingRulesTest, BothReadingsOfASkillAgree) {
  const std::string good = "---\nname: greet\ndescription: Says hello.\n---\nHello.\n";
  for (const std::string& text :
       {good, std::string("---\nname: \"greet\"\ndescription: 'x'\nlicense: MIT\n---\nbody\n"),
        std::string("no header"), std::string("---\nname: other\ndescription: x\n---\nbody\n"),
        std::string("---\nname: greet\n---\nbody\n"),
        std::string("---\nname: greet\ndescription: x\ncolour: red\n---\nbody\n"),
        "---\nname: greet\ndescription: " + std::string(1'025, 'x') + "\n---\nbody\n",
        "---\nname: greet\ndescription: x\ncompatibility: " + std::string(501, 'x') +
            "\n---\nbody\n"}) {
    const bool here = publishing::HouseRules().skill_fault("/greet/SKILL.md", text).has_value();
    const std::string there = ask({"test_skill", "SELECT outboard.skill_fault($1::text, $2::text)"},
                                  "/greet/SKILL.md", text);
    EXPECT_EQ(here, !there.empty()) << text.substr(0, 80) << ": " << there;
  }
}

TEST_F(WritingRulesTest, BothReadingsOfASecretAgree) {
  const std::string letters = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V2w3X4";
  for (const std::string& text :
       {"x gh"
        "p_" +
            letters.substr(0, 36),
        "AI"
        "za" +
            letters.substr(0, 35),
        "sk-"
        "ant-" +
            letters.substr(0, 40),
        std::string("-----BEGIN "
                    "EC PRIVATE KEY-----"),
        "password = \"" + letters.substr(0, 28) + "\"", std::string("nothing of the kind"),
        "gh"
        "p_" +
            letters.substr(0, 20) + "EXAMPLE" + letters.substr(0, 9),
        "checksum: " + letters.substr(0, 40)}) {
    const auto here = publishing::HouseRules().secret_fault({"/a", text, 0, text.size()});
    const std::string kind =
        ask({"test_secret", "SELECT outboard.secret_kind($1::text || $2::text)"}, text, "");
    EXPECT_EQ(here.has_value(), !kind.empty()) << text << ": " << kind;
    EXPECT_NE(here.value_or("").find(kind), std::string::npos) << text << " / " << kind;
  }
}

// [S22] [S32] What plain SQL is told when it breaks a rule.
TEST_F(WritingRulesTest, SqlIsRefusedByTheVolumesRules) {
  VolumeSettings settings;
  settings.secret_scan = Strictness::refuse;
  const VolumeId skills = volume("acme/skills", settings);
  EXPECT_NE(write(skills, "/greet/SKILL.md", "nothing").find("no frontmatter"), std::string::npos);
  EXPECT_EQ(write(skills, "/greet/notes.md", "nothing"), "no error");
  const std::string token =
      "gh"
      "p_"
      "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8";
  const std::string said = write(skills, "/greet/notes.md", token);
  EXPECT_NE(said.find("what looks like a GitHub token"), std::string::npos) << said;
  EXPECT_EQ(said.find(token.substr(4)), std::string::npos);
  const VolumeId memory = volume("acme/memory");
  EXPECT_EQ(write(memory, "/greet/SKILL.md", token), "no error");
}

// [S31] Pieces end with the version that needed them, whoever makes the file small again.
TEST_F(WritingRulesTest, PiecesOfAFileThatBecameSmallEndWithIt) {
  const VolumeId memory = volume("acme/memory");
  const std::string large(2U << 20U, 'x');
  const auto in_force = [&] {
    auto rows =
        sql_->run({"in_force", "SELECT count(*) FROM outboard.chunks WHERE to_version IS NULL"}, {},
                  std::chrono::steady_clock::now() + kTestWait);
    return rows ? rows->count(0, 0) : 99;
  };
  ASSERT_TRUE(store().apply(call(), memory, put("/a.txt", large)));
  EXPECT_EQ(in_force(), 32U);
  ASSERT_TRUE(store().apply(call(), memory, put("/a.txt", "small")));
  EXPECT_EQ(in_force(), 0U);
  ASSERT_TRUE(store().apply(call(), memory, put("/a.txt", large)));
  sql(*sql_, "UPDATE outboard.memory_files SET content = 'small' WHERE path = '/a.txt'");
  EXPECT_EQ(in_force(), 0U);
  EXPECT_EQ(content(memory, "/a.txt"), "small");
}

// [S14] [S31] Of a file that is small in between, within one commit, only those pieces end that it
// had before: not those of what it became, however that was made.
TEST_F(WritingRulesTest, AFileThatIsSmallForAMomentKeepsWhatItBecame) {
  const VolumeId memory = volume("acme/memory");
  const std::string large(200'000, 'x');
  const auto as_of = [&](Version version) -> std::string {
    auto node = store().attributes(call(), memory, std::string("/a.txt"), {});
    if (!node) return "no file";
    auto read = store().read(call(), memory, node->value.inode, version, 0, kReadBytesMax);
    return read ? read->value.bytes : read.error().message;
  };
  auto made = store().apply(call(), memory, put("/a.txt", large));
  ASSERT_TRUE(made);
  const Inode inode = made->outcomes.front().node.inode;

  const std::string larger(250'000, 'y');
  Batch grown = put("/a.txt", "small");
  grown.steps.push_back(put("/a.txt", larger).steps.front());
  ASSERT_TRUE(store().apply(call(), memory, grown));
  EXPECT_TRUE(as_of(Version{1}) == large);
  EXPECT_EQ(as_of(Version{2}), "small");
  EXPECT_TRUE(as_of(Version{3}) == larger);

  Batch restored = put("/a.txt", "small again");
  restored.steps.push_back({Restore{inode, Version{1}, {}, false}, {}});
  ASSERT_TRUE(store().apply(call(), memory, restored));
  EXPECT_TRUE(as_of(Version{3}) == larger);
  EXPECT_EQ(as_of(Version{4}), "small again");
  EXPECT_TRUE(as_of(Version{5}) == large);

  Write write;
  write.node = inode;
  write.base = Version{3};
  write.extents = {Extent{0, "z"}};
  Batch rewritten = put("/a.txt", "small once more");
  rewritten.steps.push_back({write, {}});
  ASSERT_TRUE(store().apply(call(), memory, rewritten));
  EXPECT_TRUE(as_of(Version{5}) == large);
  EXPECT_EQ(as_of(Version{6}), "small once more");
  EXPECT_TRUE(as_of(Version{7}) == "z" + larger.substr(1));
}

// The same of statements in one transaction.
TEST_F(WritingRulesTest, AFileThatIsSmallForAMomentInSqlKeepsWhatItBecame) {
  const VolumeId memory = volume("acme/memory");
  const std::string large(200'000, 'x');
  ASSERT_TRUE(store().apply(call(), memory, put("/a.txt", large)));
  sql(*sql_,
      "BEGIN; UPDATE outboard.memory_files SET content = 'small' WHERE path = '/a.txt'; "
      "UPDATE outboard.memory_files SET content = repeat('y', 250000) WHERE path = '/a.txt'; "
      "COMMIT");
  EXPECT_TRUE(content(memory, "/a.txt") == std::string(250'000, 'y'));
}

// [S34] The last version of a removed file with an ignored name goes with the collection.
TEST_F(WritingRulesTest, RemovedIgnoredFilesAreSwept) {
  VolumeSettings settings;
  settings.ignored = "*.swp";
  const VolumeId memory = volume("acme/memory", settings);
  ASSERT_TRUE(store().apply(call(), memory, put("/a.swp", std::string(200'000, 'x'))));
  ASSERT_TRUE(store().apply(call(), memory, put("/b.swp", "stays")));
  Batch gone;
  gone.steps.push_back({Unlink{NameRef{std::string("/"), "a.swp"}}, {}});
  ASSERT_TRUE(store().apply(call(), memory, gone));
  sql(*sql_,
      "SELECT outboard.drop_passing((extract(epoch from now()) * 1e9)::bigint + "
      "3600000000000, 100)");
  const auto left = [&](const char* name, const char* table) {
    auto rows = sql_->run({name, table}, {}, std::chrono::steady_clock::now() + kTestWait);
    return rows ? rows->count(0, 0) : 99;
  };
  EXPECT_EQ(left("left_versions", "SELECT count(*) FROM outboard.versions"), 1U);
  EXPECT_EQ(left("left_chunks", "SELECT count(*) FROM outboard.chunks"), 0U);
  EXPECT_EQ(content(memory, "/b.swp"), "stays");
}

}  // namespace
}  // namespace outboard::server
