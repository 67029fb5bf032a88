#include "harness/tools/route.h"

#include <gtest/gtest.h>

#include "harness/tools/tool.h"

namespace outboard::harness {
namespace {

TEST(Route, TheLongestMappingWins) {
  const Route route({{"/skills", "acme/skills", false},
                     {"/memory", "acme/memory", true},
                     {"/memory/me", "acme/~ada/memory", true}});
  EXPECT_EQ(route.find("/skills/a/SKILL.md")->path, "/a/SKILL.md");
  EXPECT_FALSE(route.find("/skills/a")->writable);
  EXPECT_EQ(route.find("/memory")->path, "/");
  EXPECT_EQ(route.find("/memory/me/x")->volume, "acme/~ada/memory");
  EXPECT_EQ(route.find("/memory/me/x")->path, "/x");
  EXPECT_EQ(route.find("/memory/menu")->volume, "acme/memory");
  EXPECT_FALSE(route.find("/skillset"));
  EXPECT_FALSE(route.find("/workspace/skills"));
}

TEST(Route, PathsAreNormalBeforeTheyAreRouted) {
  EXPECT_EQ(*normal_path("/skills/../memory//x/./"), "/memory/x");
  EXPECT_EQ(*normal_path("/../.."), "/");
  EXPECT_EQ(normal_path("memory/x").error().code, Code::invalid);
  EXPECT_EQ(normal_path("").error().code, Code::invalid);
  EXPECT_EQ(normal_path(std::string_view("/a\0b", 4)).error().code, Code::invalid);
}

TEST(HeadAndTail, KeepsBothEndsAndWholeCharacters) {
  EXPECT_EQ(head_and_tail("short", 10), "short");
  const std::string cut = head_and_tail("a" + std::string(50'000, 'x') + "z", 1'000);
  EXPECT_TRUE(cut.starts_with("axx"));
  EXPECT_TRUE(cut.ends_with("xxz"));
  EXPECT_NE(cut.find("[49002 characters truncated]"), std::string::npos);
  std::string wide;
  for (int i = 0; i < 1'000; ++i) wide += "ü";
  EXPECT_EQ(head_and_tail(wide, 101).find("\xEF\xBF\xBD"), std::string::npos);
}

}  // namespace
}  // namespace outboard::harness
