// What `outboard mount` says of a daemon.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/failure.h"
#include "cli/memory_site.h"

namespace outboard::cli {
namespace {

class MountCommands : public testing::Test {
 protected:
  MountCommands() {
    client::MountedView view{"/memory", "acme/memory", true, 7, 9};
    view.nodes = 12;
    view.requests = {{"LOOKUP", 3}, {"READ", 5}};
    site.mount = client::MountReport{"0.1.0", "unix:/s", true, {}, {view}};
  }
  static bool holds(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }
  MemorySite site;
};

TEST_F(MountCommands, StatusShowsHowCurrentAViewIsAndWhatWasAskedOfIt) {
  const Said said = site.run({"mount", "status", "--control", "/run/m.sock"});
  ASSERT_EQ(said.code, kExitOk) << said.err;
  EXPECT_TRUE(holds(said.out, "/memory  acme/memory  read and write")) << said.out;
  EXPECT_TRUE(holds(said.out, "seq 7 of 9, 12 nodes")) << said.out;
  EXPECT_TRUE(holds(said.out, "8 requests: READ 5, LOOKUP 3")) << said.out;
  const auto json = nlohmann::json::parse(
      site.run({"mount", "status", "--control", "/run/m.sock", "--json"}).out);
  EXPECT_EQ(json["views"][0]["requests"]["READ"], 5);
  EXPECT_EQ(json["views"][0]["head"], 9);
}

TEST_F(MountCommands, WarmSaysWhatItBroughtAndWhatItDidNotFind) {
  const Said said = site.run({"mount", "warm", "/skills", "--control", "/run/m.sock"});
  EXPECT_EQ(said.code, kExitOk) << said.err;
  EXPECT_EQ(said.out, "warm: 3 files, 2 KiB\n");
  const Said refused = site.run({"mount", "warm", "/nowhere", "--control", "/run/m.sock"});
  EXPECT_EQ(refused.code, kExitRefused);
  EXPECT_TRUE(holds(refused.err, "/nowhere")) << refused.err;
}

TEST_F(MountCommands, S6_BarrierPrintsWhatEachVolumeShows) {
  const Said all = site.run({"mount", "barrier", "--control", "/run/m.sock"});
  ASSERT_EQ(all.code, kExitOk) << all.err;
  EXPECT_EQ(all.out, "acme/memory 9\nacme/skills 4\n");
  const Said one = site.run({"mount", "barrier", "acme/memory=9", "--control", "/run/m.sock"});
  EXPECT_EQ(one.out, "acme/memory 9\n");
  const auto json =
      nlohmann::json::parse(site.run({"mount", "barrier", "--control", "/s", "--json"}).out);
  EXPECT_EQ(json["acme/skills"], 4);
  const Said late = site.run({"mount", "barrier", "acme/memory=10", "--control", "/run/m.sock"});
  EXPECT_EQ(late.code, kExitUnreachable);
  for (const char* wrong : {"acme/memory", "acme/memory=", "=3", "acme/memory=3x", "a=-1"}) {
    const Said refused = site.run({"mount", "barrier", wrong, "--control", "/run/m.sock"});
    EXPECT_EQ(refused.code, kExitRefused) << wrong;
    EXPECT_TRUE(holds(refused.err, "acme/memory=42")) << refused.err;
  }
}

TEST_F(MountCommands, S62_ViewsAreAddedRemovedAndSet) {
  const Said added = site.run({"mount", "add", "/a=acme/a:ro", "/b=acme/b:rw", "--control", "/s"});
  ASSERT_EQ(added.code, kExitOk) << added.err;
  EXPECT_EQ(added.out, "/a=acme/a:ro\n/b=acme/b:rw\n");
  EXPECT_FALSE(site.view_change.only);
  const Said busy = site.run({"mount", "remove", "/memory", "--control", "/s"});
  EXPECT_EQ(busy.code, kExitRefused);
  EXPECT_TRUE(holds(busy.err, "/memory is in use")) << busy.err;
  const Said removed = site.run({"mount", "remove", "/memory", "--force", "--control", "/s"});
  ASSERT_EQ(removed.code, kExitOk) << removed.err;
  EXPECT_EQ(site.view_change.going, std::vector<std::string>{"/memory"});
  const Said none = site.run({"mount", "set", "--force", "--control", "/s", "--json"});
  ASSERT_EQ(none.code, kExitOk) << none.err;
  EXPECT_EQ(none.out, "[]\n");
  EXPECT_TRUE(site.view_change.only);
  const Said wrong = site.run({"mount", "add", "/a=acme/a", "--control", "/s"});
  EXPECT_EQ(wrong.code, kExitRefused);
  EXPECT_TRUE(holds(wrong.err, "/skills=acme/skills:ro")) << wrong.err;
}

TEST_F(MountCommands, ANewTokenComesFromAFileOrStandardInputAndIsNeverPrinted) {
  const Said good = site.run({"mount", "renew-token", "-", "--control", "/s"}, "ob_new\n");
  EXPECT_EQ(good.code, kExitOk) << good.err;
  EXPECT_FALSE(holds(good.out, "ob_new")) << good.out;
  const Said bad = site.run({"mount", "renew-token", "-", "--control", "/s"}, "ob_bad\n");
  EXPECT_EQ(bad.code, kExitRefused);
  EXPECT_FALSE(holds(bad.err + bad.out, "ob_bad")) << bad.err;
  const Said none = site.run({"mount", "renew-token", "-", "--control", "/s"}, "\n");
  EXPECT_EQ(none.code, kExitRefused);
  EXPECT_TRUE(holds(none.err, "standard input")) << none.err;
  const Said lost = site.run({"mount", "renew-token", "/nowhere/token", "--control", "/s"});
  EXPECT_EQ(lost.code, kExitRefused);
  EXPECT_TRUE(holds(lost.err, "/nowhere/token")) << lost.err;
}

TEST_F(MountCommands, WithoutASocketTheWayOutIsNamed) {
  const Said said = site.run({"mount", "status"});
  EXPECT_NE(said.code, kExitOk);
  EXPECT_TRUE(holds(said.err, "OUTBOARD_CONTROL")) << said.err;
}

}  // namespace
}  // namespace outboard::cli
