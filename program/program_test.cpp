#include <gtest/gtest.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>

#include "program/command_line.h"
#include "program/life.h"

namespace outboard::program {
namespace {

struct Words {
  int ready_fd = -1;
  LogOptions log;
};

CommandLine<Words> read(std::vector<const char*> words) {
  words.insert(words.begin(), "x");
  Words config;
  CLI::App app("About.", "x");
  add_ready_option(app, config.ready_fd, "Once ready, one line");
  add_log_options(app, config.log);
  if (auto ending = parse(app, static_cast<int>(words.size()), words.data())) return *ending;
  return config;
}

TEST(CommandLine, LogOptionsAreUnderstood) {
  const auto line = read({"--log", "debug", "--log-format", "json", "--ready-fd", "3"});
  ASSERT_TRUE(line.config) << line.text;
  EXPECT_EQ(line.config->log.least, Severity::debug);
  EXPECT_EQ(line.config->log.format, LogFormat::json);
  EXPECT_EQ(line.config->ready_fd, 3);
}

TEST(CommandLine, HelpNamesWordsAndNoNumbers) {
  const auto line = read({"--help"});
  EXPECT_EQ(line.exit_code, 0);
  EXPECT_NE(line.text.find("--log LEVEL"), std::string::npos) << line.text;
  EXPECT_NE(line.text.find("debug, info, warning or error"), std::string::npos) << line.text;
  EXPECT_EQ(line.text.find("->"), std::string::npos) << line.text;
}

TEST(CommandLine, AWrongLevelIsRefusedWithTheRightOnes) {
  const auto line = read({"--log", "loud"});
  EXPECT_FALSE(line.config);
  EXPECT_EQ(line.exit_code, 2);
  EXPECT_NE(line.text.find("loud"), std::string::npos) << line.text;
  EXPECT_NE(line.text.find("warning"), std::string::npos) << line.text;
}

TEST(Life, ReadyIsALineEachAndThenTheEnd) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  tell_ready(ends[1], {"unix:/a", "127.0.0.1:1"});
  std::array<char, 64> said{};
  const auto got = ::read(ends[0], said.data(), said.size());
  EXPECT_EQ(std::string_view(said.data(), static_cast<std::size_t>(got)), "unix:/a\n127.0.0.1:1\n");
  EXPECT_EQ(::read(ends[0], said.data(), said.size()), 0);
  ::close(ends[0]);
}

}  // namespace
}  // namespace outboard::program
