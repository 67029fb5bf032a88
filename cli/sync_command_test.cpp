// sync as a command, against an organisation in memory. What it does is tested in cli/sync. [S57]
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "cli/memory_site.h"

namespace outboard::cli {
namespace {

class SyncCommandTest : public testing::Test {
 protected:
  SyncCommandTest() {
    folder = (std::filesystem::temp_directory_path() / "outboard-sync-XXXXXX").string();
    CHECK(::mkdtemp(folder.data()) != nullptr);
    site.found_acme();
  }
  ~SyncCommandTest() override { std::filesystem::remove_all(folder); }

  void file(const std::string& name, const std::string& text) const {
    std::ofstream(folder + "/" + name) << text;
  }

  MemorySite site;
  std::string folder;
};

TEST_F(SyncCommandTest, S57_OnePassSaysWhatItDid) {
  file("a.md", "hello");
  file("b.md~", "an editor's backup");
  site.run({"memory", "put", "notes/theirs.md", "-"}, "theirs");
  const Said said = site.run({"sync", "acme/memory:notes", folder, "--once"});
  EXPECT_EQ(said.code, 0) << said.err;
  EXPECT_EQ(said.out, "< /theirs.md\n> /a.md\n");
  EXPECT_EQ(site.run({"memory", "cat", "notes/a.md"}).out, "hello");
  EXPECT_EQ(site.run({"sync", "acme/memory:notes", folder, "--once"}).out, "");
}

TEST_F(SyncCommandTest, S57_AnotherVolumeIsRefusedWithTheWayOut) {
  site.run({"sync", "acme/memory", folder, "--once"});
  const Said said = site.run({"sync", "acme/skills", folder, "--once"});
  EXPECT_EQ(said.code, 1);
  EXPECT_NE(said.err.find("choose another folder"), std::string::npos) << said.err;
}

}  // namespace
}  // namespace outboard::cli
