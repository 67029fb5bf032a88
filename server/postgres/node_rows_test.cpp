#include "server/postgres/node_rows.h"

#include <gtest/gtest.h>

namespace outboard::server {
namespace {

TEST(NodeRowsTest, TextIsUtf8WithoutNulWhereverAByteStands) {
  const std::string plain = "eight and eight, and one";
  EXPECT_TRUE(is_text(""));
  for (std::size_t size = 0; size <= plain.size(); ++size) {
    EXPECT_TRUE(is_text(plain.substr(0, size)));
  }
  for (std::size_t at = 0; at < plain.size(); ++at) {
    for (const char wrong : {'\0', '\x80', '\xff'}) {
      std::string bytes = plain;
      bytes[at] = wrong;
      EXPECT_FALSE(is_text(bytes)) << "byte " << at;
    }
    std::string lowest = plain;
    lowest[at] = '\1';
    EXPECT_TRUE(is_text(lowest)) << "byte " << at;
    std::string wide = plain;
    wide.insert(at, "\u00fc\u20ac\U0001F600");
    EXPECT_TRUE(is_text(wide)) << "byte " << at;
    wide.resize(at + 1);
    EXPECT_FALSE(is_text(wide)) << "cut at " << at;
  }
}

}  // namespace
}  // namespace outboard::server
