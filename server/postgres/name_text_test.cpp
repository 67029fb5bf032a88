#include "server/postgres/name_text.h"

#include <gtest/gtest.h>

#include "server/postgres/node_rows.h"

namespace outboard::server {
namespace {

TEST(NameText, KeepsWhatIsText) {
  for (const std::string name : {"", "a", "Ünï/cödé", "日本語", "\U0001F600"}) {
    EXPECT_EQ(to_text(name), name);
    EXPECT_EQ(from_text(name), name);
  }
}

TEST(NameText, BytesThatAreNoTextComeBack) {
  for (const std::string name : {"\xff\xfe no text", "a\x80", "\xC3", "\xED\xA0\x80",
                                 "\xF4\x8F\xBF\xBF", "\xF4\x8F\xBE\x80 and \xF4\x8F"}) {
    EXPECT_TRUE(is_text(to_text(name)));
    EXPECT_NE(to_text(name), name);
    EXPECT_EQ(from_text(to_text(name)), name);
  }
}

TEST(NameText, EveryByteComesBackAndNoTwoMeet) {
  std::set<std::string> texts;
  for (int byte = 1; byte < 256; ++byte) {
    const std::string name(1, static_cast<char>(byte));
    EXPECT_EQ(from_text(to_text(name)), name);
    EXPECT_TRUE(texts.insert(to_text(name)).second);
  }
}

}  // namespace
}  // namespace outboard::server
