// Plain SQL beside others, and when something dies in the middle: nothing half, nothing blocked for
// good.
#include <atomic>
#include <csignal>
#include <thread>

#include "server/postgres/sql_fixture.h"

namespace outboard::server {
namespace {

class SqlFaultsTest : public SqlTest {
 protected:
  // Rewrites all of /many, in an order of the caller's.
  static std::string rewrite(const std::string& mark, const std::string& order) {
    return "UPDATE outboard.memory_files f SET content = f.content || '" + mark +
           "' FROM (SELECT i FROM generate_series(1, 200) i ORDER BY i " + order +
           " OFFSET 0) x WHERE f.path = '/many/' || x.i || '.md'";
  }
  // What `statement` says when `first` was done by another session, uncommitted until this waits.
  std::string meets(const std::string& first, const std::string& statement) {
    const auto other = connect();
    sql(*other, "BEGIN; " + first);
    std::string message;
    std::thread waits([&] { message = error(statement); });
    await_lock_waits(1);
    sql(*other, "COMMIT");
    waits.join();
    return message;
  }
};

// One waits for the other and then says that it saw something older; none is cut as a deadlock.
TEST_F(SqlFaultsTest, S37_OppositeOrdersDoNotBlockEachOther) {
  run(insert_many(200));
  std::atomic<std::size_t> done = 0;
  const auto rewrites = [&](const std::string& mark, const std::string& order) {
    const auto session = connect();
    for (int i = 0; i < 10; ++i) {
      const std::string message = sql_error(*session, rewrite(mark, order));
      if (message == "no error") {
        ++done;
      } else {
        EXPECT_NE(message.find("run it again"), std::string::npos) << message;
      }
    }
  };
  std::thread forwards([&] { rewrites("a", "ASC"); });
  std::thread backwards([&] { rewrites("b", "DESC"); });
  forwards.join();
  backwards.join();
  EXPECT_EQ(content(memory_, "/many/7.md").size(), 1'024U + done);
  expect_log_tells_tree(memory_);
}

TEST_F(SqlFaultsTest, S37_AStatementIsNotBlind) {
  run(insert_many(3));
  const std::string all = "UPDATE outboard.memory_files SET ";
  EXPECT_NE(meets(all + "content = 'theirs' WHERE path = '/many/2.md'", all + "content = 'mine'")
                .find("\"/many/2.md\" was changed by somebody else"),
            std::string::npos);
  EXPECT_EQ(content(memory_, "/many/2.md"), "theirs");
  EXPECT_EQ(content(memory_, "/many/1.md").size(), 1'024U);
  EXPECT_NE(meets(all + "content = 'again' WHERE path = '/many/2.md'",
                  "DELETE FROM outboard.memory_files")
                .find("\"/many/2.md\" was changed by somebody else"),
            std::string::npos);
  EXPECT_NE(meets("DELETE FROM outboard.memory_files WHERE path = '/many/3.md'",
                  all + "path = '/a' || path")
                .find("\"/many/3.md\" was moved or removed by somebody else"),
            std::string::npos);
  expect_log_tells_tree(memory_);
}

// Two make one file, or one directory, at the same time.
TEST_F(SqlFaultsTest, S37_ANameIsMadeOnce) {
  EXPECT_NE(meets(insert("/d/a.md", "theirs"), insert("/d/a.md", "mine")).find("exists already"),
            std::string::npos);
  EXPECT_EQ(meets(insert("/e/a.md", "theirs"), insert("/e/b.md", "mine")), "no error");
  run(insert("/x.md", ""));
  EXPECT_NE(meets(insert("/y.md", "theirs"),
                  "UPDATE outboard.memory_files SET path = '/y.md' WHERE path = '/x.md'")
                .find("exists already"),
            std::string::npos);
  EXPECT_EQ(content(memory_, "/y.md"), "theirs");
  EXPECT_EQ(meets(insert("/z.md", "theirs"),
                  "SELECT outboard.write_file('acme', 'memory', '/z.md', 'mine')"),
            "no error");
  EXPECT_EQ(content(memory_, "/z.md"), "mine");
  expect_log_tells_tree(memory_);
}

TEST_F(SqlFaultsTest, S17_ALargeOpenTransactionStallsNobodyElse) {
  run(insert_many(500));
  ASSERT_TRUE(store().apply(call(), memory_, put("/yours", "one")));
  run("BEGIN");
  run("UPDATE outboard.memory_files SET content = 'sql' WHERE path LIKE '/many/%'");
  std::thread blocked([&] {
    auto done = store().apply(call(), memory_, put("/many/250.md", "store"));
    EXPECT_TRUE(done) << done.error().message;
  });
  for (int i = 0; i < 20; ++i) {
    auto done = store().apply(call(), memory_, put("/yours", std::to_string(i)));
    ASSERT_TRUE(done) << done.error().message;
    ASSERT_TRUE(store().apply(call(), memory_, put("/many/new" + std::to_string(i), "x")));
  }
  run("COMMIT");
  blocked.join();
  EXPECT_EQ(content(memory_, "/many/250.md"), "store");
  EXPECT_EQ(content(memory_, "/many/251.md"), "sql");
  expect_log_tells_tree(memory_);
}

TEST_F(SqlFaultsTest, S37_ATimeoutInTheMiddleLeavesNothing) {
  run(insert_many(10));
  const Seq before = head(memory_);
  const auto other = connect();
  sql(*other, "BEGIN; SELECT 1 FROM outboard.dentries WHERE name = '7.md' FOR UPDATE");
  run("SET statement_timeout = '200ms'");
  refused("UPDATE outboard.memory_files SET content = 'x'", "statement timeout");
  // In COMMIT no statement runs any more; waits for locks have a limit of their own.
  sql(*other, "ROLLBACK; BEGIN; SELECT 1 FROM outboard.volumes FOR UPDATE");
  run("SET lock_timeout = '200ms'");
  refused("UPDATE outboard.memory_files SET content = 'x'", "lock timeout");
  sql(*other, "ROLLBACK");
  EXPECT_EQ(head(memory_), before);
  run("SET statement_timeout = 0");
  run("UPDATE outboard.memory_files SET content = 'x'");
  EXPECT_EQ(head(memory_).value, before.value + 10);
  expect_log_tells_tree(memory_);
}

// The session's process is killed while it waits in COMMIT for the volume; Postgres restarts.
TEST(SqlCrash, S37_KilledInCommitLeavesNothing) {
  tests::TestPostgres postgres;
  const std::string url = postgres.fresh_database();
  const auto until = [] { return std::chrono::steady_clock::now() + kTestWait; };
  const auto number = [&](Connection& connection, const Sql& sql) {
    auto rows = connection.run(sql, {}, until());
    return rows && !rows->empty() ? rows->number(0, 0) : -1;
  };
  constexpr Sql kWaits{"waits",
                       "SELECT pid::bigint FROM pg_stat_activity WHERE wait_event_type = 'Lock'"};
  constexpr Sql kVersions{"all_versions", "SELECT count(*) FROM outboard.versions"};
  constexpr Sql kHead{"head", "SELECT head_seq FROM outboard.volumes"};
  const std::string write =
      "INSERT INTO outboard.memory_files (org, path, content) SELECT 'acme', '/' || i, 'x' FROM "
      "generate_series(1, 100) i";
  {
    auto database = *Database::open({.url = url});
    const Call call = internal_call(until());
    ASSERT_TRUE(database->admin().create_organisation(call, "acme"));
    ASSERT_TRUE(database->admin().create_volume(call, "acme/memory", {}));
  }
  const auto holder = *Connection::open(url, until());
  ASSERT_TRUE(holder->execute("BEGIN; SELECT 1 FROM outboard.volumes FOR UPDATE", until()));
  std::thread killed(
      [&] { EXPECT_FALSE((*Connection::open(url, until()))->execute(write, until())); });
  std::int64_t pid = -1;
  const auto looker = *Connection::open(url, until());  // the holder's transaction sees one moment
  for (const Moment end = until(); pid < 0 && std::chrono::steady_clock::now() < end;) {
    pid = number(*looker, kWaits);
  }
  ASSERT_GT(pid, 0);
  ASSERT_EQ(::kill(static_cast<pid_t>(pid), SIGKILL), 0);
  killed.join();
  // Postgres ends everybody's session before it recovers: who connects sooner is among them.
  for (const Moment end = until();
       number(*looker, kHead) >= 0 && std::chrono::steady_clock::now() < end;) {
  }
  auto after = Connection::open(url, until());
  for (const Moment end = until(); !after && std::chrono::steady_clock::now() < end;) {
    after = Connection::open(url, until());  // it recovers
  }
  ASSERT_TRUE(after);
  EXPECT_EQ(number(**after, kVersions), 0);
  EXPECT_EQ(number(**after, kHead), 0);
  ASSERT_TRUE((*after)->execute(write, until()));
  EXPECT_EQ(number(**after, kVersions), 100);
  EXPECT_EQ(number(**after, kHead), 100);
}

}  // namespace
}  // namespace outboard::server
