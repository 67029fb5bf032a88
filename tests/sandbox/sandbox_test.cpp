#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <vector>

#include "harness/sandboxes/record.h"
#include "tests/sandbox/sandbox_fixture.h"

namespace outboard::harness {
namespace {

struct HostProcess {
  pid_t pid = 0;
  std::string name;
  std::uint64_t user = 0;
};

// All that runs under a uid of sandboxes, as this host sees it.
std::vector<HostProcess> sandbox_processes() {
  std::vector<HostProcess> found;
  for (pid_t pid = 2; pid < 100'000; ++pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/status");
    HostProcess process{pid, "", 0};
    std::string word;
    while (file >> word) {
      if (word == "Name:") file >> process.name;
      if (word == "Uid:") {
        file >> process.user;
        break;
      }
    }
    if (process.user >= 0x40000000 && process.user < 0x50000000) found.push_back(process);
  }
  return found;
}

pid_t process_named(const std::string& name) {
  for (const auto& process : sandbox_processes()) {
    if (process.name == name) return process.pid;
  }
  return -1;
}

TEST_F(SandboxTest, CommandRunsAndItsOutputAndStatusAreExact) {
  const auto [state, output] = run(bash("echo out; echo err >&2; exit 7"));
  EXPECT_EQ(output, "out\nerr\n");
  EXPECT_EQ(state.exit_code, 7);
  EXPECT_EQ(state.signal, 0);
  EXPECT_FALSE(state.running);
}

TEST_F(SandboxTest, InnerLayerHasNoRightsNoNetworkAndNoOneElse) {
  const auto [state, output] = run(bash(
      "id -u; pwd; grep -E 'CapEff|CapBnd|NoNewPrivs' /proc/self/status; ls /dev/fuse /box "
      "/programs /cgroup 2>/dev/null; cat /sys/class/net/*/address 2>/dev/null; env | sort; "
      "ls /proc | grep -c '^[0-9]'; unshare -U true 2>/dev/null && echo nested; "
      "cat /proc/1/environ /proc/1/maps 2>/dev/null; touch /usr/x /x 2>/dev/null && echo wrote"));
  EXPECT_EQ(output,
            "1000\n/workspace\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000\n"
            "NoNewPrivs:\t1\nHOME=/home/agent\nLANG=C.UTF-8\nPATH=/usr/local/bin:/usr/bin:/bin\n"
            "PWD=/workspace\nSHLVL=1\nUSER=agent\n_=/usr/bin/env\n5\n");
}

TEST_F(SandboxTest, ThreePartsRunUnderThreeUsers) {
  ASSERT_TRUE(run(bash("true")).first.op);
  std::map<std::string, std::uint64_t> users;
  for (const auto& process : sandbox_processes()) users[process.name] = process.user;
  ASSERT_TRUE(users.contains("outboard-exec"));
  ASSERT_TRUE(users.contains("init"));
  EXPECT_NE(users["outboard-exec"], users["init"]);
}

TEST_F(SandboxTest, KnownOpIsNotStartedAgain) {
  const auto command = bash("echo x >> count; cat count");
  EXPECT_EQ(run(command).second, "x\n");
  auto again = exec().start(command, soon());
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->started);
  EXPECT_EQ(attach(command.op).second, "x\n");
}

TEST_F(SandboxTest, LowerEpochAndOtherGenerationAreFenced) {
  auto command = bash("true");
  command.epoch = Epoch{5};
  run(command);
  auto old = exec().start(bash("true"), soon());
  ASSERT_FALSE(old);
  EXPECT_EQ(old.error().code, Code::fenced);
  auto other = bash("true");
  other.epoch = Epoch{5};
  other.generation = Generation{2};
  auto foreign = exec().start(other, soon());
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().code, Code::fenced);
}

TEST_F(SandboxTest, ProgramThatIsNotThereEndsWith127) {
  auto command = bash("");
  command.arguments = {"no-such-program"};
  const auto [state, output] = run(command);
  EXPECT_EQ(state.exit_code, 127);
  EXPECT_NE(output.find("no-such-program"), std::string::npos);
}

TEST_F(SandboxTest, AnotherHarnessFindsTheSandboxAndGoesOnReading) {
  const auto command = bash("echo first; read line < pipe; echo $line");
  ASSERT_EQ(run(bash("mkfifo pipe")).first.exit_code, 0);
  ASSERT_TRUE(exec().start(command, soon()));
  EXPECT_EQ(first_output(command.op, 6), "first\n");
  sandbox_.reset();  // the first harness is gone
  auto second = open_provider();
  auto found = second->open(session_, soon());
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ((*found)->generation(), Generation{1});
  sandbox_ = *found;
  ASSERT_EQ(run(bash("echo second > pipe")).first.exit_code, 0);
  const auto [state, output] = attach(command.op, 6);
  EXPECT_EQ(output, "second\n");
  EXPECT_EQ(state.output_bytes, 13u);
}

TEST_F(SandboxTest, TimeoutKillsTheWholeTreeAlsoWhatMadeItselfADaemon) {
  auto command = bash(
      "(setsid sh -c 'echo $$ > daemon; exec sleep 1000' &) ; "
      "while ! [ -s daemon ]; do :; done; echo up; sleep 1000");
  command.timeout = 1000ms;
  const auto [state, output] = run(command);
  EXPECT_TRUE(state.timed_out);
  EXPECT_EQ(state.signal, SIGKILL);
  EXPECT_EQ(output, "up\n");
  EXPECT_EQ(run(bash("pgrep sleep || echo none")).second, "none\n");
}

TEST_F(SandboxTest, SignalReachesTheTree) {
  const auto command = bash("trap 'echo caught; exit 3' TERM; (echo up; exec sleep 1000)");
  ASSERT_TRUE(exec().start(command, soon()));
  first_output(command.op, 3);
  auto delivered = exec().signal(command.op, Epoch{1}, SIGTERM, soon());
  ASSERT_TRUE(delivered);
  EXPECT_TRUE(*delivered);
  const auto [state, output] = attach(command.op);
  EXPECT_EQ(output, "up\nTerminated\ncaught\n");
  EXPECT_EQ(state.exit_code, 3);
  EXPECT_FALSE(*exec().signal(command.op, Epoch{1}, SIGTERM, soon()));
}

TEST_F(SandboxTest, KilledAgentLosesWhatRanAndNeverRunsItAgain) {
  const auto done = bash("echo done");
  run(done);
  const auto running = bash("echo x >> runs; echo up; sleep 1000");
  ASSERT_TRUE(exec().start(running, soon()));
  first_output(running.op, 3);
  const pid_t agent = process_named("outboard-exec");
  ASSERT_GT(agent, 0);
  const Process watched(identify(agent));
  ASSERT_EQ(::kill(agent, SIGKILL), 0);
  ASSERT_TRUE(watched.wait(soon()));
  auto again = exec().start(running, soon());
  for (int i = 0; !again && i < 100 && again.error().code == Code::unavailable; ++i) {
    again = exec().start(running, soon());
  }
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_FALSE(again->started);
  EXPECT_TRUE(again->state.lost);
  EXPECT_EQ(attach(running.op).second, "up\n");
  EXPECT_EQ(attach(done.op).second, "done\n");
  EXPECT_EQ(run(bash("cat runs; pgrep sleep || echo none")).second, "x\nnone\n");
  EXPECT_FALSE(sandbox_->lost());
}

TEST_F(SandboxTest, LargeOutputKeepsHeadAndTailAndCountsTheRest) {
  auto command = bash("seq 1 1000000");
  command.output_bytes_max = 1000;
  const auto [state, output] = run(command);
  EXPECT_EQ(state.output_bytes, 6888896u);
  EXPECT_EQ(state.dropped_bytes, 6888896u - 1000u);
  // What this reader saw while it ran may be more than was kept.
  const auto [again, kept] = attach(command.op);
  EXPECT_EQ(kept.size(), 1000u);
  EXPECT_TRUE(kept.starts_with("1\n2\n3\n"));
  EXPECT_TRUE(kept.ends_with("999999\n1000000\n"));
}

TEST_F(SandboxTest, FreezesOnlyWhenIdleAndThawsInMilliseconds) {
  const auto command = bash("echo up; read line < gate");
  ASSERT_EQ(run(bash("mkfifo gate")).first.exit_code, 0);
  ASSERT_TRUE(exec().start(command, soon()));
  first_output(command.op, 3);
  auto deferred = exec().freeze(Epoch{1}, soon());
  ASSERT_TRUE(deferred);
  EXPECT_TRUE(deferred->deferred);
  run(bash("echo go > gate"));
  ASSERT_TRUE(exec().wait(command.op, soon()));
  run(
      bash("setsid sh -c 'while :; do echo >> ticks; done' >/dev/null 2>&1 & "
           "while ! [ -s ticks ]; do :; done"));
  auto frozen = exec().freeze(Epoch{1}, soon());
  ASSERT_TRUE(frozen) << frozen.error().message;
  EXPECT_FALSE(frozen->deferred);
  const std::string ticks = sandbox_->workspace() + "/ticks";
  const auto size = [&] {
    std::ifstream file(ticks, std::ios::ate);
    return static_cast<long>(file.tellg());
  };
  const long before = size();
  auto refused = exec().start(bash("true"), soon());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::conflict);
  EXPECT_EQ(size(), before);
  const auto begin = std::chrono::steady_clock::now();
  auto thawed = exec().thaw(Epoch{1}, {}, soon());
  ASSERT_TRUE(thawed) << thawed.error().message;
  EXPECT_EQ(run(bash("echo hello")).second, "hello\n");
  const auto took = std::chrono::steady_clock::now() - begin;
  std::printf("freeze %.2f ms, thaw %.2f ms, thaw to the end of a command %.2f ms\n",
              static_cast<double>(frozen->took.count()) / 1000.0,
              static_cast<double>(thawed->count()) / 1000.0,
              std::chrono::duration<double, std::milli>(took).count());
}

TEST_F(SandboxTest, FilesAreReadAndReplacedWithinTheWorkspaceOnly) {
  FileWrite write;
  write.op = new_op();
  write.epoch = Epoch{1};
  write.path = "src/a.txt";
  write.bytes = "one\n";
  write.expected = Sha256{};
  auto written = exec().write_file(write, soon());
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_EQ(written->digest, sha256("one\n"));
  EXPECT_EQ(run(bash("stat -c '%u %a' src/a.txt; cat src/a.txt")).second, "1000 644\none\n");
  auto repeated = exec().write_file(write, soon());
  ASSERT_TRUE(repeated);
  EXPECT_TRUE(repeated->unchanged);
  write.bytes = "two\n";
  auto stale = exec().write_file(write, soon());
  ASSERT_FALSE(stale);
  EXPECT_EQ(stale.error().code, Code::conflict);
  auto content = exec().read_file("/workspace/src/a.txt", 1, 2, soon());
  ASSERT_TRUE(content) << content.error().message;
  EXPECT_EQ(content->bytes, "ne");
  EXPECT_EQ(content->total_size, 4u);
  run(bash("ln -s /etc/passwd out; ln -s ../../etc up; ln -s src/a.txt in; mkfifo pipe"));
  for (const char* path : {"out", "up/passwd", "/etc/passwd", "../box/mount/token", "pipe"}) {
    auto outside = exec().read_file(path, 0, 0, soon());
    ASSERT_FALSE(outside) << path;
    EXPECT_EQ(outside.error().code, Code::invalid) << path;
  }
  EXPECT_TRUE(exec().read_file("in", 0, 0, soon()));
  EXPECT_EQ(exec().read_file("none", 0, 0, soon()).error().code, Code::not_found);
  EXPECT_EQ(exec().read_file("src", 0, 0, soon()).error().code, Code::is_directory);
}

// A search is believed only when it finds what is there: first a secret planted where the model may
// see it, then one where it must not.
TEST_F(SandboxTest, SecretsOfTheBackendAreNowhereInside) {
  const std::string seen = "ob_planted_" + to_string(random_uuid());
  const std::string hidden = "ob_hidden_" + to_string(random_uuid());
  std::ofstream(sandbox_->workspace() + "/planted") << seen;
  std::ofstream(directory_->path() + "/" + to_string(session_) + "/mount/token") << hidden;
  const auto search = [&](const std::string& secret) {
    // Given in two halves, so that the search does not find itself.
    const std::string half = secret.substr(0, secret.size() / 2);
    const std::string rest = secret.substr(secret.size() / 2);
    return run(bash("s='" + half + "'; t='" + rest + "'; " +
                    "for f in $(find / -xdev -path /usr -prune -o -type f -print 2>/dev/null) "
                    "/workspace/* /proc/[0-9]*/environ /proc/[0-9]*/cmdline; do "
                    "grep -alF \"$s\"\"$t\" $f 2>/dev/null; done; true"))
        .second;
  };
  EXPECT_NE(search(seen).find("/workspace/planted"), std::string::npos);
  EXPECT_EQ(search(hidden).find("token"), std::string::npos) << search(hidden);
}

TEST_F(SandboxTest, DestroyEndsEveryProcess) {
  run(bash("setsid sleep 1000 >/dev/null 2>&1 & disown; echo"));
  EXPECT_FALSE(sandbox_processes().empty());
  ASSERT_TRUE(provider_->destroy(session_, soon()));
  EXPECT_TRUE(sandbox_processes().empty());
  EXPECT_TRUE(sandbox_->lost());
  EXPECT_EQ(provider_->open(session_, soon()).error().code, Code::not_found);
}

TEST_F(SandboxTest, LostSandboxIsToldAndTheNextKeepsTheWorkspace) {
  run(bash("echo kept > file"));
  const auto record = read_record(directory_->path() + "/" + to_string(session_) + "/record");
  ASSERT_TRUE(record);
  const Process outer(record->outer);
  outer.signal(SIGKILL);
  ASSERT_TRUE(outer.wait(soon()));
  EXPECT_TRUE(sandbox_->lost());
  EXPECT_TRUE(sandbox_processes().empty());
  EXPECT_EQ(provider_->open(session_, soon()).error().code, Code::not_found);
  SandboxSpec old;
  old.session = session_;
  old.generation = Generation{1};
  EXPECT_EQ(provider_->create(old, soon()).error().code, Code::fenced);
  const auto begin = std::chrono::steady_clock::now();
  make(2);
  EXPECT_EQ(run(bash("cat file")).second, "kept\n");
  std::printf(
      "create to the end of a command %.1f ms\n",
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
}

}  // namespace
}  // namespace outboard::harness
