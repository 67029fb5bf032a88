// The whole of a sandbox: a real server, a mount daemon in the outer layer, commands on its mounts.
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "client/grpc_admin.h"
#include "client/grpc_store.h"
#include "tests/sandbox/sandbox_fixture.h"
#include "tests/support/child_process.h"

namespace outboard::harness {
namespace {

class ViewsTest : public SandboxTest {
 protected:
  static void SetUpTestSuite() {
    SandboxTest::SetUpTestSuite();
    const std::string home = directory_->path();
    // The server's Postgres runs as another user.
    ASSERT_EQ(::chmod(home.c_str(), 0711), 0);
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    server_ = std::make_unique<tests::ChildProcess>(std::vector<std::string>{
        PROGRAMS_DIRECTORY "/outboard-server", "--data", home + "/data", "--listen", address(),
        "--site-token-file", home + "/site", "--ready-fd", std::to_string(ready[1])});
    ::close(ready[1]);
    char first = 0;
    ASSERT_EQ(::read(ready[0], &first, 1), 1) << "the server did not become ready";
    ::close(ready[0]);
    token_ = mint(home + "/site");
  }
  static void TearDownTestSuite() {
    SandboxTest::TearDownTestSuite();
    server_.reset();
  }

  static std::string address() { return "unix:" + directory_->path() + "/server.sock"; }

  static std::string strict_name() { return "acme/strict-" + std::to_string(::getpid()); }
  // The mount daemon of this sandbox, by the volume that only this program has.
  static pid_t mount_daemon() {
    for (const auto& process : std::filesystem::directory_iterator("/proc")) {
      std::ifstream file(process.path() / "cmdline");
      const std::string words((std::istreambuf_iterator<char>(file)), {});
      if (words.find("/outboard-fuse") != words.npos && words.find(strict_name()) != words.npos) {
        return std::stoi(process.path().filename());
      }
    }
    return -1;
  }

  static std::string mint(const std::string& site_token_file) {
    std::ifstream file(site_token_file);
    std::string site;
    std::getline(file, site);
    auto admin = client::GrpcAdmin::connect({.address = address(),
                                             .token = [site] { return site; },
                                             .tls_ca_file = {},
                                             .tls_certificate_file = {},
                                             .tls_key_file = {}},
                                            soon());
    EXPECT_TRUE(admin) << (admin ? "" : admin.error().message);
    const Call call = Call::until(soon());
    EXPECT_TRUE((*admin)->create_organisation(call, "acme"));
    EXPECT_TRUE((*admin)->create_user(call, "acme", "ada"));
    EXPECT_TRUE((*admin)->create_volume(call, "acme/skills", {}));
    EXPECT_TRUE((*admin)->create_volume(call, "acme/memory", {}));
    VolumeSettings settings;
    settings.strict = true;
    EXPECT_TRUE((*admin)->create_volume(call, strict_name(), settings));
    TokenRequest request;
    request.organisation = "acme";
    request.principal = "ada";
    request.grants = {{"acme/*", "/", true}};
    auto minted = (*admin)->mint_token(call, request);
    EXPECT_TRUE(minted) << (minted ? "" : minted.error().message);
    return minted->secret;
  }

  void SetUp() override {
    ASSERT_NE(provider_, nullptr);
    session_ = SessionId{random_uuid()};
    SandboxSpec spec;
    spec.session = session_;
    spec.generation = Generation{1};
    spec.views = {{"/skills", "acme/skills", false},
                  {"/memory", "acme/memory", true},
                  {"/strict", strict_name(), true},
                  {"/skills/mine", "acme/memory", true}};
    spec.server = address();
    spec.token = token_;
    spec.author = "ada";
    auto made = provider_->create(spec, soon());
    ASSERT_TRUE(made) << made.error().message;
    sandbox_ = *made;
    auto store = client::GrpcStore::connect({.address = address(),
                                             .token = [] { return token_; },
                                             .tls_ca_file = {},
                                             .tls_certificate_file = {},
                                             .tls_key_file = {}},
                                            soon());
    ASSERT_TRUE(store) << store.error().message;
    store_ = *std::move(store);
  }

  Seq publish(const std::string& volume, const std::string& name, const std::string& bytes) {
    const Call call = Call::until(soon());
    const auto opened = store_->open_volume(call, volume);
    EXPECT_TRUE(opened);
    Publish op;
    op.at = NameRef{std::string("/"), name};
    op.bytes = bytes;
    Batch batch;
    batch.steps.push_back(Step{op, {}});
    const auto applied = store_->apply(call, opened->id, batch);
    EXPECT_TRUE(applied) << (applied ? "" : applied.error().message);
    return applied->last;
  }

  static inline std::unique_ptr<tests::ChildProcess> server_;
  static inline std::string token_;
  std::unique_ptr<client::GrpcStore> store_;
};

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
