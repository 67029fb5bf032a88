// What a volume's own rules make of a write: skills, secrets, names without history.
#include "core/limits.h"
#include "tests/conformance/store_suite.h"

namespace outboard::tests {
namespace {

std::string skill(const std::string& name) {
  return "---\nname: " + name + "\ndescription: Says hello.\n---\nHello.\n";
}

// Not written out, so that no scanner of this repository finds it.
std::string github_token() {
  return std::string("gh") + "p_" + "1A2b3C4d5E6f7G8h9I0jKlMnOpQrStUvWxYz12";
}

Publish publish_of(const std::string& path, std::string bytes) {
  const auto [parent, name] = split_last(path);
  Publish op;
  op.at = NameRef{std::string(parent), std::string(name)};
  op.bytes = std::move(bytes);
  op.parents = true;
  return op;
}

VolumeSettings linting(Strictness strictness) {
  VolumeSettings settings;
  settings.skill_lint = strictness;
  return settings;
}

VolumeSettings scanning(Strictness strictness) {
  VolumeSettings settings;
  settings.secret_scan = strictness;
  return settings;
}

bool says(const std::string& message, const std::string& part) {
  return message.find(part) != std::string::npos;
}

// ── Skills ───────────────────────────────────────────────────────────────────────────────────────

TEST_P(StoreSuite, S22_ABrokenSkillIsRefusedWithItsLine) {
  use_volume(linting(Strictness::refuse));
  put("/greet/SKILL.md", skill("greet"));
  auto wrong = apply(publish_of("/greet/SKILL.md", skill("other")));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Code::invalid);
  EXPECT_EQ(wrong.error().subject, "/greet/SKILL.md");
  EXPECT_TRUE(says(wrong.error().message, "/greet/SKILL.md:2: ")) << wrong.error().message;
  EXPECT_EQ(content("/greet/SKILL.md"), skill("greet"));
  EXPECT_EQ(refused(publish_of("/SKILL.md", skill("greet"))), Code::invalid);
  EXPECT_EQ(refused(publish_of("/greet/SKILL.md", pattern(kSkillDocumentBytesMax + 1))),
            Code::invalid);
  put("/greet/other.md", "anything");
}

TEST_P(StoreSuite, S22_AWarningIsAnsweredAndFlagged) {
  use_volume(linting(Strictness::warn));
  const Outcome told = done(publish_of("/greet/SKILL.md", skill("other")));
  ASSERT_EQ(told.warnings.size(), 1U);
  EXPECT_TRUE(says(told.warnings[0], "/greet/SKILL.md:2: ")) << told.warnings[0];
  EXPECT_TRUE(log().back().warned);
  EXPECT_TRUE(done(publish_of("/greet/SKILL.md", skill("greet"))).warnings.empty());
  EXPECT_FALSE(log().back().warned);
}

TEST_P(StoreSuite, S22_NobodyLooksWhereNobodyAsked) {
  use_volume(linting(Strictness::off));
  EXPECT_TRUE(done(publish_of("/greet/SKILL.md", "nothing")).warnings.empty());
}

// An editor writes a file beside it and renames it over: that is a write too.
TEST_P(StoreSuite, S22_ARenameToASkillIsJudged) {
  use_volume(linting(Strictness::refuse));
  put("/greet/SKILL.md", skill("greet"));
  put("/greet/new.md", "no header");
  EXPECT_EQ(refused(move("/greet/new.md", "/greet/SKILL.md")), Code::invalid);
  EXPECT_EQ(content("/greet/SKILL.md"), skill("greet"));
  put("/greet/new.md", skill("greet") + "More.\n");
  done(move("/greet/new.md", "/greet/SKILL.md"));
}

TEST_P(StoreSuite, S22_AFolderIsRenamedTogetherWithItsName) {
  use_volume(linting(Strictness::refuse));
  put("/greet/SKILL.md", skill("greet"));
  auto alone = apply(move("/greet", "/hello"));
  ASSERT_FALSE(alone);
  EXPECT_EQ(alone.error().code, Code::invalid);
  auto both = apply({Step{move("/greet", "/hello"), {}},
                     Step{publish_of("/hello/SKILL.md", skill("hello")), {}}});
  ASSERT_TRUE(both) << both.error().message;
  EXPECT_EQ(content("/hello/SKILL.md"), skill("hello"));
  auto late = apply({Step{publish_of("/hello/SKILL.md", skill("third")), {}},
                     Step{publish_of("/hello/notes.md", "x"), {}}});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().step, 0U);
  EXPECT_FALSE(there("/hello/notes.md"));
}

// A program creates a file and then writes it; between the two it is empty.
TEST_P(StoreSuite, S22_AnEmptySkillIsOnlyBegun) {
  use_volume(linting(Strictness::refuse));
  mkdir("/greet");
  const Node file = done(CreateFile{at("/greet/SKILL.md"), 0644, 0, 0, true}).node;
  Write write;
  write.node = file.inode;
  write.extents.push_back(Extent{0, "no header"});
  EXPECT_EQ(refused(write), Code::invalid);
  write.extents[0].bytes = skill("greet");
  done(write);
  EXPECT_EQ(refused(Truncate{file.inode, 4}), Code::invalid);
  done(Truncate{file.inode, 0});
}

// ── Secrets ──────────────────────────────────────────────────────────────────────────────────────

TEST_P(StoreSuite, S32_ASecretIsRefusedAndNotRepeated) {
  use_volume(scanning(Strictness::refuse));
  auto found = apply(publish_of("/notes.md", "one\ntwo " + github_token() + "\n"));
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Code::invalid);
  EXPECT_TRUE(says(found.error().message, "line 2 of /notes.md")) << found.error().message;
  EXPECT_TRUE(says(found.error().message, "a GitHub token")) << found.error().message;
  EXPECT_FALSE(says(found.error().message, github_token().substr(0, 8)));
  EXPECT_FALSE(there("/notes.md"));
  put("/notes.md", "The token is in the vault.\n");
}

TEST_P(StoreSuite, S32_AWarningLetsItHappen) {
  use_volume(scanning(Strictness::warn));
  const Outcome told = done(publish_of("/notes.md", github_token()));
  ASSERT_EQ(told.warnings.size(), 1U);
  EXPECT_TRUE(log().back().warned);
  EXPECT_EQ(content("/notes.md"), github_token());
}

TEST_P(StoreSuite, S32_ASecretInTwoHalvesIsSeenWithTheSecond) {
  use_volume(scanning(Strictness::refuse));
  put("/small.md", "x " + github_token().substr(0, 20));
  EXPECT_EQ(refused(Append{NodeRef{"/small.md"}, github_token().substr(20)}), Code::invalid);
  put("/large.md", pattern(3 * kChunkBytes) + " " + github_token().substr(0, 20));
  EXPECT_EQ(refused(Append{NodeRef{"/large.md"}, github_token().substr(20)}), Code::invalid);
  done(Append{NodeRef{"/large.md"}, " and more text"});
  Write inside;
  inside.node = std::string("/large.md");
  inside.extents.push_back(Extent{kChunkBytes + 7, " " + github_token() + " "});
  auto found = apply(inside);
  ASSERT_FALSE(found);
  EXPECT_TRUE(says(found.error().message, "byte 65544 of /large.md")) << found.error().message;
}

// ── Names without history ────────────────────────────────────────────────────────────────────────

TEST_P(StoreSuite, S34_IgnoredFilesWorkAndKeepNoHistory) {
  VolumeSettings settings;
  settings.ignored = "*.swp\n__pycache__/";
  use_volume(settings);
  for (const std::string path : {"/.notes.md.swp", "/code/__pycache__/a.pyc", "/notes.md"}) {
    for (int i = 1; i <= 5; ++i) put(path, "version " + std::to_string(i));
    EXPECT_EQ(content(path), "version 5");
    const Node file = *node(path);
    EXPECT_EQ(content(file.inode, Version{4}), "version 4") << "who has it open still reads it";
    const bool kept = path == "/notes.md";
    EXPECT_EQ(content(file.inode, Version{2}), kept ? "version 2" : "[not_found]") << path;
    auto versions = store().versions(call(), volume_, NodeRef{path});
    ASSERT_TRUE(versions);
    EXPECT_EQ(versions->value.size(), kept ? 5U : 2U) << path;
  }
}

TEST_P(StoreSuite, S34_LargeOnesToo) {
  VolumeSettings settings;
  settings.ignored = "*~";
  use_volume(settings);
  const std::string body = pattern(3 * kChunkBytes);
  put("/copy~", body);
  for (int i = 0; i < 4; ++i) {
    Write write;
    write.node = std::string("/copy~");
    write.extents.push_back(Extent{static_cast<std::uint64_t>(i), "#"});
    done(write);
  }
  EXPECT_TRUE(content("/copy~") == "####" + body.substr(4));
  const Node file = *node("/copy~");
  EXPECT_TRUE(content(file.inode, Version{4}) == "###" + body.substr(3));
  EXPECT_EQ(content(file.inode, Version{1}), "[not_found]");
}

// What is written under such a name and then renamed to a real one is history from there on.
TEST_P(StoreSuite, S34_ARenameBringsItIntoHistory) {
  VolumeSettings settings;
  settings.ignored = "*.swp";
  use_volume(settings);
  const Node file = put("/notes.swp", "first");
  done(move("/notes.swp", "/notes.md"));
  put("/notes.md", "second");
  put("/notes.md", "third");
  put("/notes.md", "fourth");
  EXPECT_EQ(content(file.inode, Version{1}), "first");
  done(move("/notes.md", "/old.swp"));
  for (int i = 0; i < 3; ++i) put("/old.swp", "draft");
  EXPECT_EQ(content(file.inode, Version{2}), "second") << "real history stays under any name";
  EXPECT_EQ(content(file.inode, Version{5}), "[not_found]");
}

}  // namespace
}  // namespace outboard::tests
