#include "harness/replace_line.h"

#include <gtest/gtest.h>

namespace outboard::harness {
namespace {

program::CommandLine<ReplaceConfig> read(std::vector<const char*> words) {
  words.insert(words.begin(), {"outboard-harness", "replace-daemons"});
  EXPECT_TRUE(is_replace_line(static_cast<int>(words.size()), words.data()));
  return read_replace_line(static_cast<int>(words.size()), words.data());
}

TEST(ReplaceLine, AllSandboxesOrSomeSessions) {
  const auto all = read({"--sandboxes", "/"});
  ASSERT_TRUE(all.config) << all.text;
  EXPECT_EQ(all.config->sandboxes, "/");
  EXPECT_TRUE(all.config->sessions.empty());
  const auto some = read({"--sandboxes", "/", "--programs", "/usr", "a", "b"});
  ASSERT_TRUE(some.config) << some.text;
  EXPECT_EQ(some.config->programs, "/usr");
  EXPECT_EQ(some.config->sessions, (std::vector<std::string>{"a", "b"}));
}

TEST(ReplaceLine, WhatIsWrongIsSaid) {
  EXPECT_EQ(read({}).exit_code, 2);
  EXPECT_EQ(read({"--sandboxes", "/no/such/place"}).exit_code, 2);
  const auto help = read({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_NE(help.text.find("Example:"), std::string::npos);
}

TEST(ReplaceLine, AHarnessIsNoneOfThese) {
  const char* const words[] = {"outboard-harness", "--sandboxes", "replace-daemons"};
  EXPECT_FALSE(is_replace_line(3, words));
}

}  // namespace
}  // namespace outboard::harness
