// The mount daemon of a sandbox is replaced while its commands run. [S59]
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <fstream>

#include "harness/sandboxes/replacing.h"
#include "tests/sandbox/views_fixture.h"

namespace outboard::harness {
namespace {

class ReplacingTest : public ViewsTest {
 protected:
  Result<bool> replace(const std::string& program = PROGRAMS_DIRECTORY "/outboard-fuse") {
    return replace_daemon(directory_->path(), session_, program, soon());
  }
  void replaced() {
    const pid_t before = mount_daemon();
    const auto done = replace();
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_TRUE(*done);
    const auto now = mount_daemons();
    ASSERT_EQ(now.size(), 1u);
    EXPECT_NE(now[0], before);
  }
  // It sees what was published before it began, and publishes at its end.
  void expect_works(const std::string& name) {
    auto command = bash("cat /memory/" + name + " && echo written > /memory/by-" + name);
    command.barrier["acme/memory"] = publish("acme/memory", name, "given\n");
    EXPECT_EQ(run(command).second, "given\n");
    EXPECT_EQ(bytes_of("by-" + name), "written\n");
  }
  void touch(const std::string& name) { std::ofstream(sandbox_->workspace() + "/" + name) << "x"; }
  void kill_daemon() {
    const pid_t daemon = mount_daemon();
    ASSERT_GT(daemon, 0);  // no other number may ever be given to kill
    ASSERT_EQ(::kill(daemon, SIGKILL), 0);
  }
  // Until the kernel has ended all of it.
  void expect_lost() {
    EXPECT_TRUE(Process(record().outer).wait(soon()));
    EXPECT_TRUE(sandbox_->lost());
  }
  std::string bytes_of(const std::string& name) {
    const Call call = Call::until(soon());
    const auto volume = store_->open_volume(call, "acme/memory");
    const auto entry = store_->lookup(call, volume->id, NameRef{std::string("/"), name});
    EXPECT_TRUE(entry) << name;
    if (!entry) return {};
    const auto read = store_->read(call, volume->id, entry->value.node.inode, Version{0}, 0, 100);
    EXPECT_TRUE(read) << read.error().message;
    return read ? read->value.bytes : "";
  }
  // -1: it was not let.
  static int connected(int type, const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    const int socket = ::socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
      return socket;
    }
    ::close(socket);
    return -1;
  }
  // Speaks to the outer layer as `user`, a process of its own; whether it was let.
  bool speaks(unsigned user, int type, const std::string& path, const std::string& words) {
    const pid_t child = ::fork();
    if (child == 0) {
      if (::setresgid(user, user, user) != 0 || ::setresuid(user, user, user) != 0) ::_exit(2);
      const int socket = connected(type, path);
      if (socket < 0) ::_exit(1);
      ::_exit(::send(socket, words.data(), words.size(), 0) < 0 ? 1 : 0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_NE(WEXITSTATUS(status), 2);
    return WEXITSTATUS(status) == 0;
  }
  // Root's, in the outer layer.
  std::unique_ptr<tests::ChildProcess> within(const std::vector<std::string>& words) {
    std::vector<std::string> command{"/usr/bin/nsenter", "-m", "-p", "-t",
                                     std::to_string(record().outer.pid)};
    command.insert(command.end(), words.begin(), words.end());
    return std::make_unique<tests::ChildProcess>(
        command, tests::ChildOptions{.user = {}, .environment = {}, .output = home() + "/within"});
  }
  // Of a pipe, which is closed.
  std::string first_line(const int (&ends)[2]) {
    ::close(ends[1]);
    std::string line;
    for (char next = 0; ::read(ends[0], &next, 1) == 1 && next != '\n';) line += next;
    ::close(ends[0]);
    return line;
  }
  SandboxRecord record() const { return *read_record(home() + "/record"); }
};

TEST_F(ReplacingTest, S59_ACommandGoesOnOverTwoDaemonsWithItsOpenFile) {
  const auto command = bash(
      "exec 5>/memory/held; echo one >&5; cd /memory; echo begun; "
      "until [ -e /workspace/second ]; do sleep 0.01; done; echo two >&5; echo again; "
      "until [ -e /workspace/third ]; do sleep 0.01; done; echo three >&5; exec 5>&-; cat held");
  ASSERT_TRUE(exec().start(command, soon()));
  ASSERT_EQ(first_output(command.op, 6), "begun\n");
  replaced();
  touch("second");
  ASSERT_EQ(first_output(command.op, 12), "begun\nagain\n");
  replaced();
  touch("third");
  const auto [state, output] = attach(command.op);
  EXPECT_EQ(output, "begun\nagain\none\ntwo\nthree\n");
  expect_works("later");
  EXPECT_FALSE(sandbox_->lost());
}

TEST_F(ReplacingTest, S55_S59_AFrozenSandboxWakesWithTheNewDaemon) {
  ASSERT_EQ(run(bash("cat /skills/mine/none 2>/dev/null; echo ready")).second, "ready\n");
  ASSERT_TRUE(exec().freeze(Epoch{1}, soon()));
  replaced();
  const Seq seq = publish("acme/memory", "meanwhile", "new\n");
  ASSERT_TRUE(exec().thaw(Epoch{1}, {{"acme/memory", seq}}, soon()));
  EXPECT_EQ(run(bash("cat /memory/meanwhile")).second, "new\n");
  ASSERT_TRUE(exec().freeze(Epoch{1}, soon()));
  ASSERT_TRUE(exec().thaw(Epoch{1}, {}, soon()));
  expect_works("awake");
}

TEST_F(ReplacingTest, S59_ADaemonThatIsKilledEndsItsSandbox) {
  kill_daemon();
  expect_lost();
}

TEST_F(ReplacingTest, S59_AndSoDoesItsSuccessor) {
  replaced();
  kill_daemon();
  expect_lost();
  EXPECT_EQ(replace().error().code, Code::not_found);
}

TEST_F(ReplacingTest, S59_WhatDoesNotTakeOverChangesNothing) {
  const pid_t before = mount_daemon();
  for (const char* program : {"/usr/bin/true", "/etc/passwd"}) {
    const auto done = replace(program);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, Code::unavailable);
    EXPECT_NE(done.error().message.find("goes on"), std::string::npos) << done.error().message;
  }
  EXPECT_EQ(mount_daemon(), before);
  expect_works("untouched");
  replaced();
}

// Another way to the same: root does by hand what the outer layer would have done.
TEST_F(ReplacingTest, S59_WhoTakesOverByHandIsFollowedToo) {
  const pid_t before = mount_daemon();
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const auto by_hand = within({"/programs/outboard-fuse", "--take-over", "/box/mount/control",
                               "--ready-fd", std::to_string(ready[1])});
  EXPECT_NE(first_line(ready), "");
  EXPECT_NE(mount_daemon(), before);
  expect_works("by-hand");
  replaced();
  expect_works("and-again");
  kill_daemon();
  expect_lost();
}

// [S27] Neither the commands' user nor the agent's reaches the outer layer, and of the daemon's
// user only the daemon is heard.
TEST_F(ReplacingTest, S59_NobodyElseNamesTheDaemon) {
  const SandboxRecord known = record();
  const std::string requests = home() + "/outer.sock";
  const std::string words = home() + "/mount/notify";
  // One that could be a daemon, but for the daemon's word.
  int pid[2];
  ASSERT_EQ(::pipe(pid), 0);
  const std::string user = std::to_string(known.first_user);
  const auto idler =
      within({"/usr/bin/setpriv", "--reuid", user, "--regid", user, "--clear-groups", "/bin/bash",
              "-c", "echo $$ >&" + std::to_string(pid[1]) + "; exec sleep 1000"});
  const std::string number = first_line(pid);
  ASSERT_NE(number, "");
  const std::string forged = "MAINPID=" + number + "\nREADY=1\n";
  for (unsigned any = known.first_user; any < known.first_user + 3; ++any) {
    EXPECT_FALSE(speaks(any, SOCK_SEQPACKET, requests, "replace the mount daemon")) << any;
  }
  EXPECT_FALSE(speaks(known.first_user + 1, SOCK_DGRAM, words, forged));
  EXPECT_FALSE(speaks(known.first_user + 2, SOCK_DGRAM, words, forged));
  EXPECT_TRUE(speaks(known.first_user, SOCK_DGRAM, words, forged));
  EXPECT_TRUE(speaks(0, SOCK_DGRAM, words, forged));
  EXPECT_EQ(run(bash("ls /box /programs 2>/dev/null; ls -d /run/* /memory/..")).second,
            "/memory/..\n/run/init\n");
  replaced();
  EXPECT_TRUE(speaks(known.first_user, SOCK_DGRAM, words, forged));
  expect_works("after-lies");
  kill_daemon();
  expect_lost();
}

// As many as the outer layer keeps waiting, and more.
TEST_F(ReplacingTest, S59_WhoComesAndAsksNothingKeepsNobodyOut) {
  constexpr int kSilent = 20;
  std::vector<int> silent;
  for (int i = 0; i < kSilent; ++i) {
    silent.push_back(connected(SOCK_SEQPACKET, home() + "/outer.sock"));
    ASSERT_GE(silent.back(), 0);
  }
  replaced();
  expect_works("spoken");
  char word = 0;
  EXPECT_EQ(::recv(silent.front(), &word, 1, 0), 1);  // it has made room, and was told
  EXPECT_EQ(::recv(silent.back(), &word, 1, MSG_DONTWAIT), -1);
  for (const int socket : silent) ::close(socket);
  replaced();
}

TEST_F(ReplacingTest, S59_TheEndPublishesWhatASuccessorHasUnsaved) {
  const auto command = bash("exec 5>/memory/unsaved; echo kept >&5; echo begun; sleep 1000");
  ASSERT_TRUE(exec().start(command, soon()));
  ASSERT_EQ(first_output(command.op, 6), "begun\n");
  replaced();
  ASSERT_TRUE(provider_->destroy(session_, soon()));
  EXPECT_EQ(bytes_of("unsaved"), "kept\n");
}

TEST_F(SandboxTest, S59_ASandboxWithoutViewsHasNoDaemonToReplace) {
  const auto done =
      replace_daemon(directory_->path(), session_, PROGRAMS_DIRECTORY "/outboard-fuse", soon());
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_FALSE(*done);
}

}  // namespace
}  // namespace outboard::harness
