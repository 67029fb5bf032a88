#include "fusefs/config.h"

#include <gtest/gtest.h>

namespace outboard::fusefs {
namespace {

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
  EXPECT_EQ(with({"--read-deadline", "60s"}).config->read_deadline, 60s);
  EXPECT_EQ(with({"--read-deadline", "100ms"}).config->read_deadline, 100ms);
  const CommandLine bare = with({"--read-deadline", "5"});
  EXPECT_NE(bare.text.find("5s or 500ms"), std::string::npos) << bare.text;
  EXPECT_EQ(with({"--read-deadline", "9223372036854775807s"}).exit_code, 2);
}

TEST(CommandLine, ACertificateComesWithItsKeyAndTheServersAuthority) {
  const CommandLine line = with(
      {"--tls-ca", "/dev/null", "--tls-certificate", "/etc/hostname", "--tls-key", "/etc/hosts"});
  ASSERT_TRUE(line.config) << line.text;
  EXPECT_EQ(line.config->tls.ca_file, "/dev/null");
  EXPECT_EQ(line.config->tls.certificate_file, "/etc/hostname");
  EXPECT_EQ(line.config->tls.key_file, "/etc/hosts");
  for (const char* one : {"--tls-certificate", "--tls-key"}) {
    const CommandLine half = with({"--tls-ca", "/dev/null", one, "/dev/null"});
    EXPECT_EQ(half.exit_code, 2) << one;
    EXPECT_NE(half.text.find("requires --tls-"), std::string::npos) << half.text;
  }
  const CommandLine clear = with({"--tls-certificate", "/dev/null", "--tls-key", "/dev/null"});
  EXPECT_NE(clear.text.find("requires --tls-ca"), std::string::npos) << clear.text;
}

TEST(CommandLine, WhereFiguresAreShownIsSeenAtOnce) {
  EXPECT_EQ(with({"--metrics", "9465"}).config->metrics, "9465");
  EXPECT_EQ(with({"--metrics", "0.0.0.0:9465"}).config->metrics, "0.0.0.0:9465");
  for (const char* wrong : {"foo", "localhost:", "localhost:http"}) {
    const CommandLine refused = with({"--metrics", wrong});
    EXPECT_EQ(refused.exit_code, 2) << wrong;
    EXPECT_NE(refused.text.find("host:port"), std::string::npos) << refused.text;
  }
}

TEST(CommandLine, S59_BesideATakeOverStandsOnlyWhatItNames) {
  const char* const good[] = {"outboard-fuse", "--take-over", "/s", "--ready-fd", "3"};
  ASSERT_TRUE(read_command_line(5, good).config);
  const char* const bad[] = {"outboard-fuse", "--take-over", "/s", "--mount", "/s=acme/skills:ro"};
  const CommandLine refused = read_command_line(5, bad);
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_NE(refused.text.find("--mount"), std::string::npos) << refused.text;
  EXPECT_NE(refused.text.find("--ready-fd, --log and --log-format"), std::string::npos)
      << refused.text;
}

TEST(CommandLine, S65_ACacheHasAPathAndRoomForSomething) {
  const CommandLine line = with({"--cache-dir", "/var/cache/outboard", "--cache-bytes", "2GiB"});
  ASSERT_TRUE(line.config) << line.text;
  EXPECT_EQ(line.config->cache_dir, "/var/cache/outboard");
  EXPECT_EQ(line.config->cache_bytes, 2ULL << 30U);
  EXPECT_EQ(with({}).config->cache_bytes, kDiskCacheBytesDefault);
  EXPECT_EQ(with({"--cache-dir", "here"}).exit_code, 2);
  for (const char* wrong : {"1MiB", "much", "-1"}) {
    const CommandLine refused = with({"--cache-bytes", wrong});
    EXPECT_EQ(refused.exit_code, 2) << wrong;
    EXPECT_NE(refused.text.find("--cache-bytes"), std::string::npos) << refused.text;
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

TEST(CommandLine, LaterViewsStandBeneathDirectoriesThatAreThere) {
  const CommandLine line = with({"--allow-mounts", "/tmp/", "--allow-mounts", "/usr"});
  ASSERT_TRUE(line.config) << line.text;
  EXPECT_EQ(line.config->allowed, (std::vector<std::string>{"/tmp", "/usr"}));
  for (const char* wrong : {"/", ".", "/nowhere at all"}) {
    const CommandLine refused = with({"--allow-mounts", wrong});
    EXPECT_EQ(refused.exit_code, 2) << wrong;
    EXPECT_NE(refused.text.find("--allow-mounts"), std::string::npos) << refused.text;
  }
  EXPECT_EQ(with({"--allow-mounts", "/tmp", "--fuse-fd", "5"}).exit_code, 2);
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
