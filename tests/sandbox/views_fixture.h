// ViewsTest: a real server for the program, and for each test a sandbox with views of it.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "client/grpc_admin.h"
#include "client/grpc_store.h"
#include "harness/sandboxes/record.h"
#include "tests/sandbox/sandbox_fixture.h"
#include "tests/support/child_process.h"

namespace outboard::harness {

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
  std::string home() const { return directory_->path() + "/" + to_string(session_); }
  // Mount daemons of this sandbox: by their user, which no other sandbox has. The mounter beside
  // them has another name.
  std::vector<pid_t> mount_daemons() const {
    std::vector<pid_t> found;
    const auto record = read_record(home() + "/record");
    for (const auto& process : std::filesystem::directory_iterator("/proc")) {
      std::ifstream status(process.path() / "status");
      std::string name;
      unsigned user = 0;
      for (std::string word; status >> word;) {
        if (word == "Name:") status >> name;
        if (word == "State:" && status >> word && word == "Z") name.clear();
        if (word == "Uid:") status >> user;
      }
      if (name == "outboard-fuse" && record && user == record->first_user) {
        found.push_back(std::stoi(process.path().filename()));
      }
    }
    return found;
  }
  pid_t mount_daemon() const {
    const auto found = mount_daemons();
    EXPECT_EQ(found.size(), 1u);
    return found.empty() ? -1 : found[0];
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

}  // namespace outboard::harness
