#include "server/child_process.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <csignal>

namespace outboard::server {
namespace {

Moment soon() {
  return std::chrono::steady_clock::now() + std::chrono::seconds(20);
}

ChildCommand shell(const std::string& script) {
  return ChildCommand{{"/bin/sh", "-c", script}, {"PATH=/usr/bin:/bin", "GREETING=hello"}};
}

TEST(ChildProcess, GivesInputAndAnswersOutput) {
  ChildCommand command = shell("read line; echo \"$GREETING $line\"");
  command.input = "world\n";
  const auto output = run_to_end(command, soon());
  ASSERT_TRUE(output);
  EXPECT_EQ(*output, "hello world\n");
}

TEST(ChildProcess, FailureCarriesCodeAndLastWords) {
  const auto output = run_to_end(shell("echo no room >&2; exit 3"), soon());
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().message, "/bin/sh exited with code 3: no room");
}

TEST(ChildProcess, MissingProgramIsNamed) {
  const auto started = ChildProcess::start(ChildCommand{{"/nowhere/program"}, {}});
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().message, "cannot start /nowhere/program: No such file or directory");
}

TEST(ChildProcess, DeadlineKillsIt) {
  const auto output =
      run_to_end(shell("read forever < /dev/zero"), std::chrono::steady_clock::now());
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().code, Code::timed_out);
}

TEST(ChildProcess, ClosedOutputDoesNotEndIt) {
  const auto output = run_to_end(shell("exec >&- 2>&-; exit 0"), soon());
  ASSERT_TRUE(output);
  EXPECT_EQ(*output, "");
}

TEST(ChildProcess, EndIsAnEventAndSaysWhichSignal) {
  auto child = ChildProcess::start(shell("kill -TERM $$"));
  ASSERT_TRUE(child);
  pollfd wait{(*child)->exit_fd(), POLLIN, 0};
  ASSERT_EQ(::poll(&wait, 1, 20'000), 1);
  const auto status = (*child)->reap();
  ASSERT_TRUE(status);
  EXPECT_EQ(describe_exit(*status), "was killed by signal 15");
}

TEST(ChildProcess, LinesAreCutWhereTheyEnd) {
  Lines lines;
  EXPECT_EQ(lines.add("one\ntw"), std::vector<std::string>{"one"});
  EXPECT_EQ(lines.add("o\n\n"), (std::vector<std::string>{"two", ""}));
}

TEST(ChildProcess, UnknownUserIsNotFound) {
  const auto account = find_account("nobody-of-this-name");
  ASSERT_FALSE(account);
  EXPECT_EQ(account.error().code, Code::not_found);
}

}  // namespace
}  // namespace outboard::server
