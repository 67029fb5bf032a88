// `outboard search` as people type it, against an organisation in memory.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/failure.h"
#include "cli/memory_site.h"
#include "cli/place.h"

namespace outboard::cli {
namespace {

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class SearchCommand : public testing::Test {
 protected:
  SearchCommand() {
    site.found_acme();
    site.run({"memory", "put", "notes/a.md"}, "one\ntwo needle\nthree\n");
    site.run({"memory", "put", "b.txt"}, "needle needle\n");
  }
  MemorySite site;
};

TEST_F(SearchCommand, LinesAreShownAsGrepShowsThem) {
  const Said said = site.run({"search", "memory", "needle", "--org", "acme"});
  EXPECT_EQ(said.code, kExitOk) << said.err;
  EXPECT_EQ(said.out, "/b.txt:1:needle needle\n/notes/a.md:2:two needle\n");
  EXPECT_TRUE(holds(said.err, "2 lines in 2 files")) << said.err;
}

TEST_F(SearchCommand, APathAGlobAndContextAreTaken) {
  EXPECT_EQ(site.run({"search", "acme/memory:notes", "needle", "-C", "1"}).out,
            "/notes/a.md-1-one\n/notes/a.md:2:two needle\n/notes/a.md-3-three\n");
  EXPECT_EQ(site.run({"search", "acme/memory", "NEEDLE", "-il", "--path", "*.txt"}).out,
            "/b.txt\n");
  EXPECT_EQ(site.run({"search", "acme/memory", "needle", "-c", "--path", "notes/*"}).out,
            "/notes/a.md:1\n");
}

TEST_F(SearchCommand, OnATerminalMatchesAreMarkedAndNothingMovesTheCursor) {
  site.screen.colours = true;
  site.run({"memory", "put", "evil"}, "\x1b[2J needle\n");
  const Said said = site.run({"search", "acme/memory", "needle", "--path", "evil"});
  EXPECT_TRUE(holds(said.out, "\x1b[31mneedle\x1b[0m")) << said.out;
  EXPECT_FALSE(holds(said.out, "\x1b[2J"));
}

TEST_F(SearchCommand, ACutIsSaid) {
  for (char c = '0'; c <= '9'; ++c) {
    site.run({"memory", "put", std::string("many/") + c}, "needle\n");
  }
  const Said said = site.run({"search", "acme/memory", "needle", "--max", "3"});
  EXPECT_TRUE(holds(said.err, "--max")) << said.err;
  const auto json = nlohmann::json::parse(
      site.run({"search", "acme/memory", "needle", "--max", "3", "--json"}).out);
  EXPECT_EQ(json["cut"], "matches");
  EXPECT_EQ(json["files"].size(), 3U);
  EXPECT_EQ(json["files"][0]["lines"][0]["spans"], nlohmann::json::parse("[[0,6],[7,6]]"));
}

TEST_F(SearchCommand, WhatIsWrongIsSaidWithItsPlace) {
  const Said said = site.run({"search", "acme/memory", "a(b"});
  EXPECT_EQ(said.code, kExitRefused);
  EXPECT_TRUE(holds(said.err, "missing )")) << said.err;
  EXPECT_EQ(site.run({"search", ":x", "a"}).code, kExitRefused);
  EXPECT_EQ(site.run({"search", "acme/memory", "a", "-F", "-w"}).code, kExitRefused);
}

TEST(Place, IsAVolumeAndAPath) {
  EXPECT_EQ(parse_place("acme/~ada/memory:notes/")->path, "/notes");
  EXPECT_EQ(parse_place("acme/~ada/memory:notes/")->volume, "acme/~ada/memory");
  EXPECT_EQ(parse_place("skills")->path, "/");
  EXPECT_EQ(parse_place("skills:")->path, "/");
  EXPECT_FALSE(parse_place("skills:../x"));
}

}  // namespace
}  // namespace outboard::cli
