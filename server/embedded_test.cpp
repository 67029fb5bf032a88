// The private Postgres, on the real programs: it must come up, come back, and leave nothing behind.
#include "server/embedded.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "server/child_process.h"
#include "server/cluster.h"

namespace outboard::server {
namespace {

namespace fs = std::filesystem;

Moment soon() {
  return std::chrono::steady_clock::now() + std::chrono::seconds(60);
}

// A directory that any user can enter, gone with the test.
class EmbeddedTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "outboard-embedded-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    ASSERT_EQ(::chmod(name.c_str(), 0755), 0);
    root_ = name;
  }
  void TearDown() override { fs::remove_all(root_); }

  std::string data() const { return (root_ / "data").string(); }
  std::unique_ptr<Embedded> started() {
    auto embedded = Embedded::start({data()});
    if (!embedded) {
      ADD_FAILURE() << embedded.error().message;
      return nullptr;
    }
    return std::move(*embedded);
  }
  // What psql answers.
  static std::string query(const std::string& url, const std::string& statement) {
    const auto installed = installed_binaries("/usr/lib/postgresql", "");
    const ChildCommand psql{{installed.at(0).directory + "/psql", "-XAtc", statement, url},
                            {"PATH=/usr/bin:/bin"}};
    const auto said = run_to_end(psql, soon());
    return said ? *said : said.error().message;
  }

  fs::path root_;
};

TEST_F(EmbeddedTest, KeepsItsDataAndLeavesNoProcess) {
  {
    const auto first = started();
    ASSERT_TRUE(first);
    EXPECT_EQ(query(first->url(), "create table kept as select 1 as one"), "SELECT 1\n");
    EXPECT_EQ(query(first->url(), "show fsync"), "on\n");
    EXPECT_EQ(query(first->url(), "show data_checksums"), "on\n");
    EXPECT_EQ(query(first->url(), "select rolsuper from pg_roles where rolname = current_user"),
              "f\n");
  }
  EXPECT_TRUE(postgres_processes_in(data() + "/postgres").empty());
  EXPECT_FALSE(fs::exists(data() + "/socket"));
  const auto second = started();
  ASSERT_TRUE(second);
  EXPECT_EQ(query(second->url(), "select one from kept"), "1\n");
}

TEST_F(EmbeddedTest, KilledPostgresComesBackOnTheSameUrl) {
  const auto embedded = started();
  ASSERT_TRUE(embedded);
  query(embedded->url(), "create table kept as select 1 as one");
  const auto first = embedded->ready(soon());
  ASSERT_TRUE(first);
  ASSERT_EQ(::kill(*first, SIGKILL), 0);
  const auto second = embedded->ready(soon(), *first);
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(query(embedded->url(), "select one from kept"), "1\n");
}

TEST_F(EmbeddedTest, SecondServerOnTheDirectoryIsRefused) {
  const auto first = started();
  ASSERT_TRUE(first);
  const auto second = Embedded::start({data()});
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("is in use by another outboard-server"), std::string::npos)
      << second.error().message;
}

TEST_F(EmbeddedTest, LongDataDirectoryGetsAShortSocket) {
  root_ /= std::string(100, 'd');
  const auto embedded = started();
  ASSERT_TRUE(embedded);
  EXPECT_EQ(query(embedded->url(), "select 1"), "1\n");
  root_ = root_.parent_path();
}

TEST_F(EmbeddedTest, HalfMadeClusterAndZombiesFileAreNoObstacle) {
  fs::create_directories(data() + "/postgres.new/base");
  ASSERT_TRUE(started());
  // A zombie: ended, not reaped. Its number in the file would stop Postgres, left to itself.
  const pid_t zombie = ::fork();
  if (zombie == 0) ::_exit(0);
  siginfo_t ended{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(zombie), &ended, WEXITED | WNOWAIT), 0);
  std::ofstream(data() + "/postgres/postmaster.pid") << zombie << '\n' << data() << '\n';
  EXPECT_TRUE(started());
  ::waitpid(zombie, nullptr, 0);
}

// Dies without a word, as by kill -9: its Postgres must go by itself and the next one start.
TEST_F(EmbeddedTest, KilledServerTakesItsPostgresWithIt) {
  const pid_t server = ::fork();
  if (server == 0) {
    const auto embedded = Embedded::start({data()});
    ::kill(::getpid(), embedded ? SIGKILL : SIGTERM);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(server, &status, 0), server);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  const auto next = started();
  ASSERT_TRUE(next);
  EXPECT_EQ(query(next->url(), "select 1"), "1\n");
}

// The same with a Postgres that is stopped: it cannot hear that its server has died until it is let
// go on.
TEST_F(EmbeddedTest, StoppedPostgresOfAKilledServerIsWoken) {
  const pid_t server = ::fork();
  if (server == 0) {
    const auto embedded = Embedded::start({data()});
    for (const pid_t pid : postgres_processes_in(data() + "/postgres")) ::kill(pid, SIGSTOP);
    ::kill(::getpid(), embedded ? SIGKILL : SIGTERM);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(server, &status, 0), server);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  EXPECT_TRUE(started());
}

TEST_F(EmbeddedTest, AKilledPostgresIsCounted) {
  const auto embedded = started();
  ASSERT_TRUE(embedded);
  const auto first = embedded->ready(soon());
  ASSERT_TRUE(first);
  ASSERT_EQ(::kill(*first, SIGKILL), 0);
  ASSERT_TRUE(embedded->ready(soon(), *first));
  Figures figures;
  embedded->measure(figures);
  EXPECT_EQ(figures.all().at(0).value, 1);  // restarts
  EXPECT_EQ(figures.all().at(1).value, 1);  // up
}

TEST_F(EmbeddedTest, DirectoryClosedToItsUserIsNamed) {
  if (::geteuid() != 0) {
    SUCCEED() << "only root runs Postgres as another user";
    return;
  }
  fs::create_directories(data());
  ASSERT_EQ(::chmod(root_.c_str(), 0700), 0);
  const auto embedded = Embedded::start({data()});
  ASSERT_FALSE(embedded);
  EXPECT_NE(embedded.error().message.find("cannot enter " + root_.string()), std::string::npos)
      << embedded.error().message;
}

}  // namespace
}  // namespace outboard::server
