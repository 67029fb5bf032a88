#include "core/line_escape.h"

#include <gtest/gtest.h>

namespace outboard {
namespace {

TEST(LineEscape, AnyNameComesBackFromOneLine) {
  using namespace std::string_view_literals;
  for (const std::string_view name :
       {""sv, "plain"sv, "\n"sv, "\\"sv, "\\n"sv, "a\\\nb\\\\n\n"sv, "\xff\0 x"sv, "ends\\"sv}) {
    const std::string line = escape_line(name);
    EXPECT_EQ(line.find('\n'), line.npos);
    EXPECT_EQ(unescape_line(line), name);
  }
}

}  // namespace
}  // namespace outboard
