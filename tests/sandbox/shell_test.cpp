#include <csignal>
#include <cstdio>

#include "tests/sandbox/sandbox_fixture.h"

namespace outboard::harness {
namespace {

using ShellTest = SandboxTest;

TEST_F(ShellTest, DirectoryVariablesAndFunctionsPersist) {
  EXPECT_EQ(run(in_shell("mkdir -p a/b; cd a/b; export X=1; y=2; f() { echo f $1; }")).second, "");
  const auto [state, output] = run(in_shell("pwd; echo $X $y; f z; false"));
  EXPECT_EQ(output, "/workspace/a/b\n1 2\nf z\n");
  EXPECT_EQ(state.exit_code, 1);
}

TEST_F(ShellTest, OutputBelongsToItsCommandAlone) {
  EXPECT_EQ(run(in_shell("printf 'no newline'")).second, "no newline");
  EXPECT_EQ(run(in_shell("echo err >&2; printf 'a\\0b'")).second, std::string("err\na\0b", 7));
  EXPECT_EQ(run(in_shell("cat; ls /proc/self/fd | tr '\\n' ' '")).second, "0 1 2 3 ");
  const auto [state, output] = run(in_shell("echo 'unclosed"));
  EXPECT_EQ(state.exit_code, 2);
  EXPECT_NE(output.find("unexpected EOF"), std::string::npos);
}

TEST_F(ShellTest, ExitAndErrexitEndOnlyTheShellNotItsState) {
  run(in_shell("cd /tmp; export KEPT=\"it's\n\\$here\""));
  EXPECT_EQ(run(in_shell("exit 9")).first.exit_code, 9);
  EXPECT_EQ(run(in_shell("set -e; false; echo unreached")).first.exit_code, 1);
  EXPECT_EQ(run(in_shell("pwd; echo \"$KEPT\"")).second, "/tmp\nit's\n$here\n");
}

TEST_F(ShellTest, TimeoutKillsTheCommandAndTheNextStandsWhereTheLastLeft) {
  run(in_shell("cd /tmp; export KEPT=1"));
  auto stuck = in_shell("cd /; export KEPT=2; echo up; while :; do :; done");
  stuck.timeout = 500ms;
  const auto [state, output] = run(stuck);
  EXPECT_TRUE(state.timed_out);
  EXPECT_EQ(output, "up\n");
  EXPECT_EQ(run(in_shell("pwd; echo $KEPT")).second, "/tmp\n1\n");
}

TEST_F(ShellTest, SecondCommandIsRefusedWhileOneRuns) {
  ASSERT_EQ(run(bash("mkfifo gate")).first.exit_code, 0);
  const auto first = in_shell("echo up; read x < gate; echo $x");
  ASSERT_TRUE(exec().start(first, soon()));
  first_output(first.op, 3);
  auto second = exec().start(in_shell("true"), soon());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::conflict);
  run(bash("echo through > gate"));
  EXPECT_EQ(attach(first.op).second, "up\nthrough\n");
  EXPECT_EQ(run(in_shell("echo next")).second, "next\n");
}

TEST_F(ShellTest, BackgroundProcessGoesOnAndDoesNotSpeakIntoTheNextCommand) {
  run(in_shell("(while :; do echo noise; done) & echo $! > pid"));
  EXPECT_EQ(run(in_shell("echo quiet")).second, "quiet\n");
  EXPECT_EQ(run(in_shell("kill -0 $(cat pid) && echo alive; kill $(cat pid)")).second, "alive\n");
}

TEST_F(ShellTest, CommandInTheShellTakesMilliseconds) {
  run(in_shell("true"));
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 50; ++i) ASSERT_EQ(run(in_shell("echo hello")).second, "hello\n");
  const auto took = std::chrono::steady_clock::now() - begin;
  std::printf("a command in the shell: %.2f ms\n",
              std::chrono::duration<double, std::milli>(took).count() / 50);
}

}  // namespace
}  // namespace outboard::harness
