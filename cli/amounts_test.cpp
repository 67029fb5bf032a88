#include "cli/amounts.h"

#include <gtest/gtest.h>

namespace outboard::cli {
namespace {

TEST(Amounts, DurationsNeedAUnit) {
  EXPECT_EQ(*parse_duration("90s"), std::chrono::seconds(90));
  EXPECT_EQ(*parse_duration("12h"), std::chrono::hours(12));
  EXPECT_EQ(*parse_duration("30d"), std::chrono::hours(720));
  for (const char* wrong : {"", "12", "h", "-1h", "1.5h", "12hours", "99999999999999999999s"}) {
    EXPECT_FALSE(parse_duration(wrong)) << wrong;
  }
}

TEST(Amounts, SizesAreBinary) {
  EXPECT_EQ(*parse_size("0"), 0U);
  EXPECT_EQ(*parse_size("10GiB"), 10ULL << 30U);
  EXPECT_EQ(*parse_size("64M"), 64ULL << 20U);
  for (const char* wrong : {"", "GiB", "1.5G", "10 GiB", "1000000000TiB"}) {
    EXPECT_FALSE(parse_size(wrong)) << wrong;
  }
}

TEST(Amounts, GrantsSayTheirMode) {
  const auto grant = parse_grant("acme/~ada/memory:rw");
  ASSERT_TRUE(grant);
  EXPECT_EQ(grant->volume, "acme/~ada/memory");
  EXPECT_TRUE(grant->write);
  EXPECT_EQ(to_text(*grant), "acme/~ada/memory:rw");
  for (const char* wrong : {"", "acme/skills", "acme/skills:", "acme/skills:w", ":ro"}) {
    EXPECT_FALSE(parse_grant(wrong)) << wrong;
  }
}

TEST(Amounts, AGrantMayBeForAPart) {
  const auto part = parse_grant("acme/skills:/team/a:b:rw");
  ASSERT_TRUE(part);
  EXPECT_EQ(part->volume, "acme/skills");
  EXPECT_EQ(part->prefix, "/team/a:b");
  EXPECT_TRUE(part->write);
  EXPECT_EQ(to_text(*part), "acme/skills:/team/a:b:rw");
  EXPECT_TRUE(parse_grant("acme/skills:manage")->manage);
  EXPECT_FALSE(parse_grant("acme/skills:team:rw"));
}

TEST(Amounts, UsersHaveAnOrganisation) {
  EXPECT_EQ(parse_user("acme/ada")->second, "ada");
  for (const char* wrong : {"ada", "/ada", "acme/", "acme/a/b"}) {
    EXPECT_FALSE(parse_user(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace outboard::cli
