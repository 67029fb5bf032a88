#include "core/ignored.h"

#include <gtest/gtest.h>

namespace outboard {
namespace {

TEST(Ignored, TheUsualOnesAreWhatProgramsLeaveBehind) {
  for (const char* path : {"/a/.notes.md.swp", "/notes.md~", "/.#lock", "/#draft#", "/.DS_Store",
                           "/lib/__pycache__/m.cpython-311.pyc", "/__pycache__/x/y"}) {
    EXPECT_TRUE(is_ignored(kUsualIgnored, path)) << path;
  }
  for (const char* path : {"/", "/notes.md", "/swp", "/~ada", "/a/__pycache__", "/pyc/m.py"}) {
    EXPECT_FALSE(is_ignored(kUsualIgnored, path)) << path;
  }
  EXPECT_TRUE(check_ignored(kUsualIgnored));
}

TEST(Ignored, APatternIsComparedWithEachNameWhole) {
  EXPECT_TRUE(is_ignored("build", "/a/build/x"));
  EXPECT_FALSE(is_ignored("build", "/a/rebuild/x"));
  EXPECT_TRUE(is_ignored("a?c", "/abc"));
  EXPECT_FALSE(is_ignored("a?c", "/ac"));
  EXPECT_TRUE(is_ignored("a*b*c", "/a-b-b-c"));
  EXPECT_FALSE(is_ignored("a*b*c", "/a-b-b-d"));
  EXPECT_FALSE(is_ignored("", "/a"));
}

TEST(Ignored, PatternsThatMeanNothingAreRefused) {
  for (const char* lines : {"*", "**/", "a/b", "\n", "/", "x\n\ny"}) {
    auto good = check_ignored(lines);
    ASSERT_FALSE(good) << lines;
    EXPECT_EQ(good.error().code, Code::invalid);
  }
  std::string many;
  for (int i = 0; i < 65; ++i) many += "*.x" + std::to_string(i) + "\n";
  EXPECT_FALSE(check_ignored(many));
  EXPECT_TRUE(check_ignored(""));
}

}  // namespace
}  // namespace outboard
