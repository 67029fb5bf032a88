#include "cli/screen.h"

#include <gtest/gtest.h>

#include <sstream>

#include "cli/table.h"

namespace outboard::cli {
namespace {

TEST(Screen, EscapeSequencesAreShownNotObeyed) {
  EXPECT_EQ(printable("a\x1b[31mb\n"), "a\\x1b[31mb\\x0a");
  EXPECT_EQ(printable("caf\xC3\xA9"), "café");
  EXPECT_EQ(printable("\xFF"), "\\xff");
  EXPECT_EQ(printable("\xC2\x9B"), "\\xc2\\x9b");           // CSI in one character
  EXPECT_EQ(printable("\xE2\x80\xAE"), "\\xe2\\x80\\xae");  // right-to-left override
}

TEST(Screen, SizesReadWell) {
  EXPECT_EQ(readable_size(0), "0 B");
  EXPECT_EQ(readable_size(1023), "1023 B");
  EXPECT_EQ(readable_size(1024), "1 KiB");
  EXPECT_EQ(readable_size(3'200), "3.1 KiB");
  EXPECT_EQ(readable_size(1'048'575), "1 MiB");
  EXPECT_EQ(readable_size(64U << 20U), "64 MiB");
}

TEST(Screen, CutsAtTheTerminalsEdge) {
  EXPECT_EQ(cut_to("short", 10), "short");
  EXPECT_EQ(cut_to("äöü long", 6), "äöü l…");
  EXPECT_EQ(cut_to("one two", 5), "one…");
}

TEST(Screen, ColoursOnlyWhereAsked) {
  std::ostringstream out;
  std::ostringstream err;
  ScreenConfig config;
  EXPECT_EQ(Screen(out, err, config).paint(Colour::red, "x"), "x");
  config.colours = true;
  EXPECT_EQ(Screen(out, err, config).paint(Colour::red, "x"), "\x1b[31mx\x1b[0m");
  EXPECT_EQ(Screen(out, err, config).paint_error(Colour::red, "x"), "x");
}

TEST(Table, AlignsAndCutsItsLastColumn) {
  std::ostringstream out;
  std::ostringstream err;
  ScreenConfig config;
  config.columns = 26;
  Screen screen(out, err, config);
  Table table({{"NAME"}, {"SIZE", Align::right}, {"TEXT"}});
  table.add({"a", "10", "short"});
  table.add({"long-name", "9", "a sentence that is too long"});
  table.print(screen, "nothing");
  EXPECT_EQ(out.str(),
            "NAME       SIZE  TEXT\n"
            "a            10  short\n"
            "long-name     9  a sentence…\n");
}

}  // namespace
}  // namespace outboard::cli
