#include "core/path.h"

#include <gtest/gtest.h>

#include "core/limits.h"

namespace outboard {
namespace {

Code code_of(const Status& status) {
  return status ? Code::corrupt : status.error().code;
}

TEST(Path, NamesAreBytesButForAFew) {
  EXPECT_TRUE(check_name("a"));
  EXPECT_TRUE(check_name("\xff\xfe"));
  EXPECT_TRUE(check_name("..."));
  EXPECT_TRUE(check_name(std::string(kNameBytesMax, 'n')));
  EXPECT_EQ(code_of(check_name(std::string(kNameBytesMax + 1, 'n'))), Code::name_too_long);
  for (const std::string_view bad : {"", ".", "..", "a/b", ".history"}) {
    EXPECT_EQ(code_of(check_name(bad)), Code::invalid) << bad;
  }
  EXPECT_EQ(code_of(check_name(std::string_view("a\0b", 3))), Code::invalid);
}

TEST(Path, PathsAreAbsoluteAndClean) {
  EXPECT_TRUE(check_path("/"));
  EXPECT_TRUE(check_path("/a/b"));
  for (const std::string_view bad : {"", "a", "/a/", "//a", "/a/../b", "/.history/x"}) {
    EXPECT_EQ(code_of(check_path(bad)), Code::invalid) << bad;
  }
  EXPECT_EQ(code_of(check_path("/" + std::string(kPathBytesMax, 'p'))), Code::name_too_long);
}

TEST(Path, PartsJoinAgain) {
  EXPECT_EQ(components_of("/a/b"), (std::vector<std::string_view>{"a", "b"}));
  EXPECT_TRUE(components_of("/").empty());
  EXPECT_EQ(split_last("/a/b").first, "/a");
  EXPECT_EQ(split_last("/a").first, "/");
  EXPECT_EQ(join("/", "a"), "/a");
  EXPECT_EQ(join("/a", "b"), "/a/b");
}

TEST(Path, WithinIsByComponent) {
  EXPECT_TRUE(is_within("/a/b", "/a"));
  EXPECT_TRUE(is_within("/a", "/a"));
  EXPECT_TRUE(is_within("/a", "/"));
  EXPECT_FALSE(is_within("/ab", "/a"));
}

TEST(Path, SlugsAreLowerCase) {
  EXPECT_TRUE(check_slug("a user", "ada-2"));
  for (const std::string_view bad : {"", "-a", "Ada", "a b"}) {
    EXPECT_EQ(code_of(check_slug("a user", bad)), Code::invalid) << bad;
  }
  EXPECT_FALSE(check_slug("a user", std::string(kSlugBytesMax + 1, 'a')));
}

}  // namespace
}  // namespace outboard
