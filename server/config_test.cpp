#include "server/config.h"

#include <gtest/gtest.h>

namespace outboard::server {
namespace {

CommandLine parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "outboard-server");
  return read_command_line(static_cast<int>(arguments.size()), arguments.data());
}

TEST(ServerConfig, SmallestUsefulCommandLine) {
  const auto line = parse({"--data", "/d", "--listen", "unix:/s"});
  ASSERT_TRUE(line.config) << line.text;
  EXPECT_EQ(line.config->data_dir, "/d");
  EXPECT_EQ(line.config->listen, std::vector<std::string>{"unix:/s"});
  EXPECT_EQ(line.config->ready_fd, -1);
}

TEST(ServerConfig, ListensInSeveralPlaces) {
  const auto line = parse({"--data", "/d", "--listen", "unix:/s", "--listen", "127.0.0.1:0"});
  ASSERT_TRUE(line.config) << line.text;
  EXPECT_EQ(line.config->listen.size(), 2U);
}

TEST(ServerConfig, DataHasExactlyOnePlace) {
  const auto none = parse({"--listen", "unix:/s"});
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_NE(none.text.find("--data DIR"), std::string::npos);
  const auto both = parse({"--listen", "unix:/s", "--data", "/d", "--database", "postgresql:///x"});
  EXPECT_EQ(both.exit_code, 2);
}

TEST(ServerConfig, ListenIsRequired) {
  const auto line = parse({"--data", "/d"});
  EXPECT_EQ(line.exit_code, 2);
  EXPECT_NE(line.text.find("--listen"), std::string::npos);
}

TEST(ServerConfig, CertificateComesWithItsKey) {
  const auto line =
      parse({"--data", "/d", "--listen", "unix:/s", "--tls-certificate", "/etc/hostname"});
  EXPECT_EQ(line.exit_code, 2);
  EXPECT_NE(line.text.find("--tls-key"), std::string::npos);
}

TEST(ServerConfig, WhereFiguresAreShownIsSeenBeforeADatabaseIsMade) {
  const auto line = parse({"--data", "/d", "--listen", "unix:/s", "--metrics", "foo"});
  EXPECT_EQ(line.exit_code, 2);
  EXPECT_NE(line.text.find("host:port"), std::string::npos) << line.text;
}

TEST(ServerConfig, LogAndDrainAreUnderstood) {
  const auto line =
      parse({"--data", "/d", "--listen", "unix:/s", "--log", "debug", "--drain", "3"});
  ASSERT_TRUE(line.config) << line.text;
  EXPECT_EQ(line.config->log.least, Severity::debug);
  EXPECT_EQ(line.config->drain, std::chrono::seconds(3));
}

TEST(ServerConfig, HelpIsNoMistake) {
  const auto line = parse({"--help"});
  EXPECT_EQ(line.exit_code, 0);
  EXPECT_NE(line.text.find("Examples:"), std::string::npos);
}

}  // namespace
}  // namespace outboard::server
