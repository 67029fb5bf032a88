// The whole of a sandbox: a real server, a mount daemon in the outer layer, commands on its mounts.
#include <csignal>
#include <fstream>

#include "tests/sandbox/views_fixture.h"

namespace outboard::harness {
namespace {

// [S6] The barrier: what the store answered before a command starts, the command sees.
TEST_F(ViewsTest, CommandSeesWhatWasPublishedBeforeIt) {
  for (int i = 0; i < 20; ++i) {
    const std::string bytes = "version " + std::to_string(i) + "\n";
    auto command = bash("cat /memory/note");
    command.barrier["acme/memory"] = publish("acme/memory", "note", bytes);
    EXPECT_EQ(run(command).second, bytes);
  }
}

TEST_F(ViewsTest, ReadOnlyViewIsReadAndWritableOneIsWritten) {
  auto command = bash(
      "cat /skills/hello; echo x > /skills/y; echo line >> /memory/log; "
      "stat -c '%u %n' /skills/hello /memory/log");
  command.barrier["acme/skills"] = publish("acme/skills", "hello", "skill\n");
  const auto [state, output] = run(command);
  EXPECT_NE(output.find("skill\n"), std::string::npos) << output;
  EXPECT_NE(output.find("Read-only file system"), std::string::npos) << output;
  EXPECT_NE(output.find("1000 /skills/hello\n1000 /memory/log\n"), std::string::npos) << output;
  const Call call = Call::until(soon());
  const auto volume = store_->open_volume(call, "acme/memory");
  const auto entry = store_->lookup(call, volume->id, NameRef{std::string("/"), "log"});
  ASSERT_TRUE(entry) << entry.error().message;
  EXPECT_EQ(entry->value.node.attributes.size, 5u);
}

// [S56] One that is written inside one that is read.
TEST_F(ViewsTest, AViewStandsInsideAnother) {
  publish("acme/skills", "hello", "skill\n");
  const auto [state, output] = run(
      bash("echo inside > /skills/mine/nested && until grep inside /memory/nested; do :; done && "
           "ls /skills && "
           "echo x > /skills/y"));
  EXPECT_TRUE(output.starts_with("inside\nhello\nmine\n")) << output;
  EXPECT_NE(output.find("Read-only file system"), std::string::npos) << output;
}

TEST_F(ViewsTest, FrozenSandboxSeesWhatHappenedMeanwhile) {
  ASSERT_TRUE(exec().freeze(Epoch{1}, soon()));
  const Seq seq = publish("acme/memory", "meanwhile", "new\n");
  ASSERT_TRUE(exec().thaw(Epoch{1}, {{"acme/memory", seq}}, soon()));
  EXPECT_EQ(run(bash("cat /memory/meanwhile")).second, "new\n");
}

// [S7, S55] A publish to a strict volume waits for a mount that does not answer, but not for one
// whose programs are stopped.
TEST_F(ViewsTest, NobodyWaitsForTheMountsOfAFrozenSandbox) {
  publish(strict_name(), "note", "old\n");
  ASSERT_EQ(run(bash("cat /strict/note")).second, "old\n");
  for (bool deferred = true; deferred;) {  // while the kernel gives up what `cat` had open
    const auto frozen = exec().freeze(Epoch{1}, soon());
    ASSERT_TRUE(frozen) << frozen.error().message;
    deferred = frozen->deferred;
  }
  const pid_t daemon = mount_daemon();
  ASSERT_GT(daemon, 0);
  ASSERT_EQ(::kill(daemon, SIGSTOP), 0);
  const Moment begun = std::chrono::steady_clock::now();
  const Seq seq = publish(strict_name(), "note", "new\n");
  EXPECT_LT(std::chrono::steady_clock::now() - begun, kStrictLease);
  ASSERT_EQ(::kill(daemon, SIGCONT), 0);
  ASSERT_TRUE(exec().thaw(Epoch{1}, {{strict_name(), seq}}, soon()));
  EXPECT_EQ(run(bash("cat /strict/note")).second, "new\n");
}

TEST_F(ViewsTest, BarrierOnAVolumeThatIsNotMountedIsRefused) {
  auto command = bash("true");
  command.barrier["acme/other"] = Seq{1};
  EXPECT_FALSE(exec().start(command, soon()));
  EXPECT_EQ(exec().wait(command.op, soon()).error().code, Code::not_found);
}

// The daemon's token lies in the outer layer; the model's commands find it nowhere.
TEST_F(ViewsTest, TokenIsNowhereInside) {
  const std::string half = token_.substr(0, token_.size() / 2);
  const std::string rest = token_.substr(token_.size() / 2);
  const auto search = [&] {
    return run(bash("s='" + half + "'; t='" + rest +
                    "'; "
                    "grep -ralF \"$s\"\"$t\" /workspace /memory /skills /tmp /run /etc /home "
                    "/dev/shm /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null; true"))
        .second;
  };
  EXPECT_EQ(search(), "");
  std::ofstream(sandbox_->workspace() + "/planted") << token_;
  EXPECT_EQ(search(), "/workspace/planted\n");
}

}  // namespace
}  // namespace outboard::harness
