#include "core/running_sha256.h"

#include <gtest/gtest.h>

namespace outboard {
namespace {

TEST(RunningSha256s, PartsGiveTheDigestOfTheWhole) {
  RunningSha256 running;
  running.add("out");
  running.add("");
  running.add("board");
  EXPECT_EQ(running.finish(), sha256("outboard"));
  EXPECT_EQ(RunningSha256().finish(), sha256(""));
}

}  // namespace
}  // namespace outboard
