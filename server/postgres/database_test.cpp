#include "server/postgres/database.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <future>
#include <map>
#include <thread>

#include "server/postgres/database_fixture.h"
#include "server/postgres/migrator.h"
#include "tests/support/temp_directory.h"

namespace outboard::server {
namespace {

void expect_gap_free(const std::vector<Change>& changes) {
  for (std::size_t i = 0; i < changes.size(); ++i) ASSERT_EQ(changes[i].seq.value, i + 1);
}

// [S3] Two servers on one database, eight writers: every append once, one order in both feeds.
TEST_F(DatabaseTest, TwoServersKeepOneOrderWithoutGaps) {
  const VolumeId memory = volume("acme/memory");
  ASSERT_TRUE(store().apply(call(), memory, put("/log", "")));
  const auto other = open();
  constexpr int kWriters = 8;
  constexpr int kAppends = 50;
  std::vector<std::thread> writers;
  for (int i = 0; i < kWriters; ++i) {
    writers.emplace_back([&, i] {
      Store& to = i % 2 == 0 ? store() : other->store();
      const ClientId client{random_uuid()};
      for (int k = 1; k <= kAppends; ++k) {
        const auto number = static_cast<std::uint64_t>(k);
        Batch batch{{client, number}, number - 1, {Step{Append{NodeRef{"/log"}, "x"}, {}}}};
        auto done = to.apply(call(), memory, batch);
        EXPECT_TRUE(done) << done.error().message;
      }
    });
  }
  for (auto& writer : writers) writer.join();
  EXPECT_EQ(content(memory, "/log"), std::string(kWriters * kAppends, 'x'));
  const Seq head = store().describe(call(), memory)->head;
  const auto here = follow(store(), memory, {}, head);
  const auto there = follow(other->store(), memory, {}, head);
  EXPECT_EQ(here.size(), head.value);
  expect_gap_free(here);
  EXPECT_EQ(here, there);
}

// [S6] A read that asks for a seq another server has made waits for it.
TEST_F(DatabaseTest, ReadsWaitForWhatAnotherServerWrote) {
  const VolumeId memory = volume("acme/memory");
  const auto other = open();
  auto waiting = std::async(std::launch::async, [&] {
    return other->store().attributes(call(), memory, "/f", ReadAt{Seq{2}, {}});
  });
  ASSERT_TRUE(store().apply(call(), memory, put("/f", "1")));
  ASSERT_TRUE(store().apply(call(), memory, put("/f", "one")));
  auto node = waiting.get();
  ASSERT_TRUE(node) << node.error().message;
  EXPECT_EQ(node->value.attributes.size, 3U);
}

// [S8] The same request at two servers happens once.
TEST_F(DatabaseTest, ARequestRepeatedElsewhereHappensOnce) {
  const VolumeId memory = volume("acme/memory");
  ASSERT_TRUE(store().apply(call(), memory, put("/log", "")));
  const auto other = open();
  const Batch batch{{ClientId{random_uuid()}, 1}, 0, {Step{Append{NodeRef{"/log"}, "x"}, {}}}};
  auto first = store().apply(call(), memory, batch);
  auto second = other->store().apply(call(), memory, batch);
  ASSERT_TRUE(first);
  ASSERT_TRUE(second);
  EXPECT_TRUE(second->repeated);
  EXPECT_EQ(second->last, first->last);
  EXPECT_EQ(second->outcomes, first->outcomes);
  EXPECT_EQ(content(memory, "/log"), "x");
}

TEST_F(DatabaseTest, OpeningTwiceMigratesOnce) {
  const auto other = open();
  const auto connection = connect();
  auto rows = connection->run({"count_migrations", "SELECT count(*) FROM migrations"}, {},
                              std::chrono::steady_clock::now() + kTestWait);
  ASSERT_TRUE(rows);
  EXPECT_EQ(rows->count(0, 0), migrations().size());
}

TEST_F(DatabaseTest, ANewerSchemaIsRefused) {
  sql(*connect(), "INSERT INTO outboard.migrations VALUES (9999, '9999_later', '')");
  auto opened = Database::open({.url = url_});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::unsupported);
  EXPECT_NE(opened.error().message.find("9999_later"), std::string::npos);
}

TEST_F(DatabaseTest, AnEditedMigrationIsRefused) {
  sql(*connect(), "UPDATE outboard.migrations SET digest = 'other' WHERE number = 1");
  auto opened = Database::open({.url = url_});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::unsupported);
}

// A connection whose backend was ended is replaced; what was in doubt is asked for again.
TEST_F(DatabaseTest, WritesGoOnAfterTheirConnectionsAreCut) {
  const VolumeId memory = volume("acme/memory");
  ASSERT_TRUE(store().apply(call(), memory, put("/log", "")));
  const auto admin_connection = connect();
  const ClientId client{random_uuid()};
  for (std::uint64_t i = 1; i <= 20; ++i) {
    sql(*admin_connection,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
        "current_database() AND pid <> pg_backend_pid()");
    const Batch batch{{client, i}, i - 1, {Step{Append{NodeRef{"/log"}, "x"}, {}}}};
    auto done = store().apply(call(), memory, batch);
    ASSERT_TRUE(done) << done.error().message;
  }
  EXPECT_EQ(content(memory, "/log"), std::string(20, 'x'));
}

// [S43] A primary that froze takes connections and says nothing: the promoted standby is found.
TEST_F(DatabaseTest, AHostThatHangsIsPassedOver) {
  const tests::TempDirectory frozen;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = frozen.path() + "/.s.PGSQL.5432";
  ASSERT_LT(path.size(), sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  const int ear = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::bind(ear, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(ear, 8), 0);
  const std::size_t host = url_.find("host=") + 5;
  const std::string both = url_.substr(0, host) + frozen.path() + "," + url_.substr(host);
  auto opened = Connection::open(both, std::chrono::steady_clock::now() + kTestWait);
  EXPECT_TRUE(opened) << opened.error().message;
  ::close(ear);
}

TEST_F(DatabaseTest, ReadinessFollowsTheSchema) {
  EXPECT_TRUE(database_->readiness().ready(std::chrono::steady_clock::now() + kTestWait));
  sql(*connect(), "INSERT INTO outboard.migrations VALUES (9999, '9999_later', '')");
  const auto newer = database_->readiness().ready(std::chrono::steady_clock::now() + kTestWait);
  ASSERT_FALSE(newer);
  EXPECT_EQ(newer.error().code, Code::unsupported);
  sql(*connect(), "DELETE FROM outboard.migrations WHERE number = 9999");
  EXPECT_TRUE(database_->readiness().ready(std::chrono::steady_clock::now() + kTestWait));
}

// The tests' own Postgres does not sync: the doctor must see it. An organisation's administrator
// hears nothing of it.
TEST_F(DatabaseTest, TheExaminerFindsThatFsyncIsOff) {
  Call site = call();
  site.caller.admin = true;
  const auto found = database_->examiner().examine(site);
  ASSERT_TRUE(found);
  std::map<std::string, Verdict> verdicts;
  for (const auto& finding : found->findings) verdicts[finding.check] = finding.verdict;
  EXPECT_EQ(verdicts.at("fsync"), Verdict::wrong);
  EXPECT_EQ(verdicts.at("synchronous_commit"), Verdict::fine);
  EXPECT_EQ(verdicts.at("schema"), Verdict::fine);
  EXPECT_EQ(verdicts.at("server clock"), Verdict::fine);
  site.caller.organisation = 1;
  const auto little = database_->examiner().examine(site);
  ASSERT_TRUE(little);
  EXPECT_TRUE(little->findings.empty());
  EXPECT_NE(little->database_time.nanoseconds, 0);
}

TEST(Database, AnUnreachableOneSaysSo) {
  auto opened = Database::open({.url = "host=/nonexistent dbname=none"});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::unavailable);
}

}  // namespace
}  // namespace outboard::server
