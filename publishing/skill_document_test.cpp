#include "publishing/skill_document.h"

#include <gtest/gtest.h>

namespace outboard::publishing {
namespace {

std::string document(const std::string& header, const std::string& body = "Do it.\n") {
  return "---\n" + header + "---\n\n" + body;
}

std::string first_finding(const std::string& folder, const std::string& text) {
  const LintedSkill linted = lint_skill(folder, text);
  return linted.findings.empty() ? "" : linted.findings.front().message;
}

TEST(SkillDocument, AGoodOnePasses) {
  const LintedSkill linted = lint_skill(
      "release-notes", document("name: release-notes\ndescription: Writes notes.\n"
                                "license: MIT\nallowed-tools: Bash Read\ncompatibility: git\n"
                                "metadata:\n  version: \"1.2\"\n"));
  EXPECT_TRUE(linted.findings.empty());
  EXPECT_EQ(linted.header.name, "release-notes");
  EXPECT_EQ(linted.header.metadata.at("version"), "1.2");
}

TEST(SkillDocument, NamesBreakTheirRules) {
  for (const std::string name : {"Release", "a--b", "-a", "a-", "a_b", "a b"}) {
    EXPECT_NE(first_finding(name, document("name: \"" + name + "\"\ndescription: d\n"))
                  .find("lowercase letters, digits and single hyphens"),
              std::string::npos)
        << name;
  }
  const std::string longest(65, 'a');
  EXPECT_NE(first_finding(longest, document("name: " + longest + "\ndescription: d\n"))
                .find("65 characters: at most 64"),
            std::string::npos);
}

TEST(SkillDocument, TheNameIsTheFolders) {
  const LintedSkill linted = lint_skill("other", document("name: this\ndescription: d\n"));
  ASSERT_EQ(linted.findings.size(), 1U);
  EXPECT_EQ(linted.findings[0].line, 2U);
  EXPECT_NE(linted.findings[0].message.find("rename one of them"), std::string::npos);
}

TEST(SkillDocument, LengthsCountCharacters) {
  std::string umlauts;
  for (int i = 0; i < 1024; ++i) umlauts += "ü";
  EXPECT_EQ(first_finding("a", document("name: a\ndescription: " + umlauts + "\n")), "");
  EXPECT_NE(first_finding("a", document("name: a\ndescription: " + umlauts + "x\n"))
                .find("1025 characters: at most 1024"),
            std::string::npos);
  EXPECT_NE(
      first_finding(
          "a", document("name: a\ndescription: d\ncompatibility: " + std::string(501, 'x') + "\n"))
          .find("501 characters: at most 500"),
      std::string::npos);
}

TEST(SkillDocument, UnknownAndRepeatedKeysAreFound) {
  const LintedSkill linted =
      lint_skill("a", document("name: a\ndescription: d\nauthor: ada\nname: a\n"));
  ASSERT_EQ(linted.findings.size(), 2U);
  EXPECT_EQ(linted.findings[0].line, 4U);
  EXPECT_NE(linted.findings[0].message.find("\"author\""), std::string::npos);
  EXPECT_NE(linted.findings[1].message.find("twice"), std::string::npos);
}

TEST(SkillDocument, WhatIsMissingIsSaid) {
  EXPECT_NE(first_finding("a", "# Title\n").find("there is no header"), std::string::npos);
  EXPECT_NE(first_finding("a", "---\nname: a\n").find("no end"), std::string::npos);
  EXPECT_NE(first_finding("a", document("description: d\n")).find("no name"), std::string::npos);
  EXPECT_NE(first_finding("a", document("name: a\n")).find("no description"), std::string::npos);
  EXPECT_NE(first_finding("a", document("name: a\ndescription: ' '\n")).find("empty"),
            std::string::npos);
  EXPECT_NE(first_finding("a", document("name: a\ndescription: d\n", "  \n")).find("instructions"),
            std::string::npos);
  EXPECT_NE(first_finding("a", document("- name\n")).find("no map"), std::string::npos);
}

TEST(SkillDocument, BrokenYamlIsAFindingWithItsLine) {
  const LintedSkill linted = lint_skill("a", document("name: a\ndescription: one: two: three\n"));
  ASSERT_FALSE(linted.findings.empty());
  EXPECT_EQ(linted.findings[0].line, 3U);
  EXPECT_NE(linted.findings[0].message.find("quote values that contain a colon"),
            std::string::npos);
}

TEST(SkillDocument, LoadingIsLenient) {
  const auto header = read_skill_header("---\nname: Other Name\nauthor: x\n---\n");
  ASSERT_TRUE(header);
  EXPECT_EQ(header->name, "Other Name");
  EXPECT_FALSE(read_skill_header("no header"));
  EXPECT_FALSE(read_skill_header("---\nname: [\n---\n"));
}

TEST(SkillDocument, WindowsLineEndsAndByteOrderMarksAreRead) {
  EXPECT_EQ(first_finding("a", "\xEF\xBB\xBF---\r\nname: a\r\ndescription: d\r\n---\r\nGo.\r\n"),
            "");
}

}  // namespace
}  // namespace outboard::publishing
