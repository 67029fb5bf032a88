#include "harness/config.h"

#include <gtest/gtest.h>

namespace outboard::harness {
namespace {

CommandLine read(std::vector<const char*> words) {
  words.insert(words.begin(), "outboard-harness");
  return read_command_line(static_cast<int>(words.size()), words.data());
}

const std::vector<const char*> kLeast = {"--server", "unix:/s", "--token-file", "/dev/null",
                                         "--listen", "unix:/h", "--sandboxes",  "/b"};

std::vector<const char*> with(std::vector<const char*> more) {
  more.insert(more.begin(), kLeast.begin(), kLeast.end());
  return more;
}

TEST(HarnessConfig, TheLeastIsEnough) {
  const CommandLine line = read(kLeast);
  ASSERT_TRUE(line.config) << line.text;
  EXPECT_EQ(line.config->server, "unix:/s");
  EXPECT_EQ(line.config->listen, std::vector<std::string>{"unix:/h"});
  EXPECT_EQ(line.config->slots, 16U);
  EXPECT_TRUE(line.config->scenarios);
  EXPECT_EQ(line.config->model, "");
}

TEST(HarnessConfig, WhatIsSaidIsTaken) {
  const CommandLine line =
      read(with({"--skills", "acme/skills", "--memory", "acme/memory", "--model", "scripted:/x",
                 "--approve", "bash", "--slots", "3", "--worker", "w", "--ready-fd", "3", "--log",
                 "debug", "--no-scenarios", "--drain", "1"}));
  ASSERT_TRUE(line.config) << line.text;
  EXPECT_EQ(line.config->skills, "acme/skills");
  EXPECT_EQ(line.config->memory, "acme/memory");
  EXPECT_EQ(line.config->model, "scripted:/x");
  EXPECT_EQ(line.config->approve, std::vector<std::string>{"bash"});
  EXPECT_EQ(line.config->slots, 3U);
  EXPECT_EQ(line.config->worker, "w");
  EXPECT_EQ(line.config->ready_fd, 3);
  EXPECT_EQ(line.config->log.least, Severity::debug);
  EXPECT_FALSE(line.config->scenarios);
  EXPECT_EQ(line.config->drain, std::chrono::seconds(1));
}

TEST(HarnessConfig, ACertificateComesWithItsKey) {
  const CommandLine line = read(with(
      {"--tls-ca", "/dev/null", "--tls-certificate", "/etc/hostname", "--tls-key", "/etc/hosts"}));
  ASSERT_TRUE(line.config) << line.text;
  EXPECT_EQ(line.config->tls.certificate_file, "/etc/hostname");
  EXPECT_EQ(line.config->tls.key_file, "/etc/hosts");
  const CommandLine half = read(with({"--tls-ca", "/dev/null", "--tls-key", "/dev/null"}));
  EXPECT_EQ(half.exit_code, 2);
  EXPECT_NE(half.text.find("--tls-certificate"), std::string::npos) << half.text;
}

TEST(HarnessConfig, WhatIsWrongIsSaid) {
  EXPECT_EQ(read({}).exit_code, 2);
  EXPECT_EQ(read(with({"--slots", "0"})).exit_code, 2);
  EXPECT_EQ(read(with({"--log", "loud"})).exit_code, 2);
  EXPECT_EQ(read(with({"--programs", "/no/such/place"})).exit_code, 2);
  const CommandLine help = read({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_NE(help.text.find("Example:"), std::string::npos);
}

}  // namespace
}  // namespace outboard::harness
