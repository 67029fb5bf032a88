#include "core/log.h"

#include <gtest/gtest.h>

namespace outboard {
namespace {

TEST(Log, TextQuotesWhatWouldRunTogether) {
  EXPECT_EQ(log_text("volume opened", {{"volume", "acme/skills"}, {"why", "a \"b\"\nc"}}),
            R"(volume opened volume=acme/skills why="a \"b\"\nc")");
}

TEST(Log, JsonIsOneLineWhateverTheFieldsHold) {
  EXPECT_EQ(log_json("refused", {{"path", "/a\"b\\c"}, {"why", "one\ntwo\x01"}}),
            R"("event":"refused","path":"/a\"b\\c","why":"one\u000atwo\u0001")");
}

TEST(Log, BytesThatAreNoTextBecomeAMark) {
  EXPECT_EQ(log_json("x", {{"name", "gr\xC3\xBCn \xFF\xC3"}}),
            "\"event\":\"x\",\"name\":\"gr\xC3\xBCn \\ufffd\\ufffd\"");
}

}  // namespace
}  // namespace outboard
