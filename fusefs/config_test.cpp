#include "fusefs/config.h"

#include <gtest/gtest.h>

namespace outboard::fusefs {
namespace {

TEST(MountSpec, ReadsPathVolumeAndMode) {
  const auto spec = parse_mount("/memory/=acme/~ada/memory:rw");
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->path, "/memory");
  EXPECT_EQ(spec->volume, "acme/~ada/memory");
  EXPECT_FALSE(spec->read_only);
}

TEST(MountSpec, RefusesWhatIsNoMount) {
  for (const char* text : {"/skills", "/skills=acme/skills", "/skills=acme/skills:rx",
                           "skills=acme/skills:ro", "/skills=:ro", "/=acme/skills:ro"}) {
    const auto spec = parse_mount(text);
    ASSERT_FALSE(spec) << text;
    EXPECT_EQ(spec.error().code, Code::invalid);
    EXPECT_NE(spec.error().message.find("/skills=acme/skills:ro"), std::string::npos);
  }
}

TEST(MountSpec, AViewMayStandInTheRootOfAnother) {
  EXPECT_TRUE(check_places({{"/a", "acme/a", true}, {"/ab", "acme/b", true}}));
  EXPECT_TRUE(check_places({{"/a/b", "acme/b", true}, {"/a", "acme/a", true}}));
  EXPECT_TRUE(check_places({{"/a", "", true}, {"/a/b", "", true}, {"/a/b/c", "", true}}));
  EXPECT_EQ(check_places({{"/a", "", true}, {"/a/b/c", "", true}}).error().code, Code::unsupported);
  EXPECT_FALSE(check_places({{"/a", "acme/a", true}, {"/a", "acme/b", true}}));
}

TEST(CommandLine, SaysWhatIsWrong) {
  const char* const nothing[] = {"outboard-fuse"};
  EXPECT_EQ(read_command_line(1, nothing).exit_code, 2);
  const char* const bad[] = {"outboard-fuse",     "--server",  "unix:/s",
                             "--token-file",      "/dev/null", "--mount",
                             "/s=acme/skills:ro", "--umask",   "9"};
  const CommandLine line = read_command_line(9, bad);
  EXPECT_EQ(line.exit_code, 2);
  EXPECT_NE(line.text.find("--umask"), std::string::npos);
}

CommandLine with(const std::vector<const char*>& more) {
  std::vector<const char*> words{"outboard-fuse", "--server", "unix:/s",          "--token-file",
                                 "/dev/null",     "--mount",  "/s=acme/skills:ro"};
  words.insert(words.end(), more.begin(), more.end());
  return read_command_line(static_cast<int>(words.size()), words.data());
}

TEST(CommandLine, DeadlinesHaveAUnitAndBounds) {
  const CommandLine usual = with({});
  ASSERT_TRUE(usual.config);
  EXPECT_EQ(usual.config->read_deadline, kReadDeadline);
  EXPECT_EQ(usual.config->write_deadline, kWriteDeadline);
  const CommandLine hasty = with({"--read-deadline", "700ms", "--write-deadline", "2s"});
  ASSERT_TRUE(hasty.config) << hasty.text;
  EXPECT_EQ(hasty.config->read_deadline, 700ms);
  EXPECT_EQ(hasty.config->write_deadline, 2s);
  for (const char* text : {"10", "50ms", "61s", "soon", "-1s"}) {
    const CommandLine refused = with({"--read-deadline", text});
    EXPECT_EQ(refused.exit_code, 2) << text;
    EXPECT_NE(refused.text.find("--read-deadline"), std::string::npos) << refused.text;
  }
}

TEST(CommandLine, AUserIsNumbersAndNotRoot) {
  const CommandLine line = with({"--user", "1000:100"});
  ASSERT_TRUE(line.config) << line.text;
  EXPECT_EQ(line.config->identity, (Identity{1000, 100}));
  EXPECT_EQ(with({"--user", "7"}).config->identity, (Identity{7, 7}));
  for (const char* wrong : {"0", "nobody", "1000:", ":1", "1:0", "1x", "4294967295"}) {
    const CommandLine refused = with({"--user", wrong});
    EXPECT_EQ(refused.exit_code, 2) << wrong;
    EXPECT_NE(refused.text.find("1000:100"), std::string::npos) << refused.text;
  }
}

TEST(CommandLine, EachViewHasItsOwnHandedInDescriptor) {
  const CommandLine line = with({"--fuse-fd", "5", "--mount", "/m=acme/m:rw", "--fuse-fd", "6"});
  ASSERT_TRUE(line.config) << line.text;
  EXPECT_EQ(line.config->fuse_fds, (std::vector<int>{5, 6}));
  const CommandLine refused = with({"--mount", "/m=acme/m:rw", "--fuse-fd", "5"});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_NE(refused.text.find("--fuse-fd"), std::string::npos) << refused.text;
}

TEST(CommandLine, WatchersAreToldWhereTheDaemonMounts) {
  EXPECT_FALSE(with({}).config->inotify);
  EXPECT_TRUE(with({"--inotify"}).config->inotify);
  const CommandLine refused = with({"--inotify", "--fuse-fd", "5"});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_NE(refused.text.find("--inotify"), std::string::npos) << refused.text;
}

}  // namespace
}  // namespace outboard::fusefs
