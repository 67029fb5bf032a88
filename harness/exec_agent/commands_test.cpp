#include "harness/exec_agent/commands.h"

#include <gtest/gtest.h>

namespace outboard::harness {
namespace {

CommandRequest good() {
  CommandRequest request;
  request.op = OpId{random_uuid()};
  request.arguments = {"ls", ""};
  request.directory = "/workspace";
  request.environment = {"A=1"};
  return request;
}

Code refusal(const CommandRequest& request) {
  const auto checked = check_command(request);
  EXPECT_FALSE(checked);
  return checked ? Code::corrupt : checked.error().code;
}

TEST(CheckCommand, RefusesWhatCannotBeStarted) {
  EXPECT_TRUE(check_command(good()));
  auto request = good();
  request.op = {};
  EXPECT_EQ(refusal(request), Code::invalid);
  request = good();
  request.arguments.clear();
  EXPECT_EQ(refusal(request), Code::invalid);
  request = good();
  request.arguments.emplace_back("a\0b", 3);
  EXPECT_EQ(refusal(request), Code::invalid);
  request = good();
  request.directory = "relative";
  EXPECT_EQ(refusal(request), Code::invalid);
  request = good();
  request.environment.emplace_back("=value");
  EXPECT_EQ(refusal(request), Code::invalid);
  request = good();
  request.arguments.emplace_back(std::size_t{3} << 20U, 'a');
  EXPECT_EQ(refusal(request), Code::too_big);
  request = good();
  request.output_bytes_max = std::uint64_t{1} << 40U;
  EXPECT_EQ(refusal(request), Code::too_big);
}

TEST(CheckCommand, ShellTakesOneTextAndNothingElse) {
  auto request = good();
  request.shell = true;
  request.arguments = {"cd /tmp && ls"};
  EXPECT_EQ(refusal(request), Code::invalid);
  request.directory.clear();
  request.environment.clear();
  EXPECT_TRUE(check_command(request));
  request.arguments = {"cd", "/tmp"};
  EXPECT_EQ(refusal(request), Code::invalid);
}

}  // namespace
}  // namespace outboard::harness
