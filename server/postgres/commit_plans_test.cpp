// How Postgres finds the rows of a commit.
#include <gtest/gtest.h>

#include "server/postgres/database_fixture.h"

namespace outboard::server {
namespace {

constexpr Sql kScans{"test_scans",
                     "SELECT sum(seq_scan)::bigint FROM pg_stat_user_tables "
                     "WHERE relname IN ('requests', 'clients', 'inodes', 'dentries', 'versions')"};
constexpr Sql kCommitters{"test_committers",
                          "SELECT count(*) FROM pg_stat_activity WHERE datname = "
                          "current_database() AND application_name = 'outboard-committer'"};

class CommitPlans : public DatabaseTest {
 protected:
  std::int64_t number(const Sql& sql) {
    auto rows = observer_->run(sql, {}, std::chrono::steady_clock::now() + kTestWait);
    EXPECT_TRUE(rows) << rows.error().message;
    return rows ? rows->number(0, 0) : -1;
  }
  // What a connection did is counted for certain once it has gone.
  void await_committers_end() {
    const Moment until = std::chrono::steady_clock::now() + kTestWait;
    while (number(kCommitters) > 0) ASSERT_LT(std::chrono::steady_clock::now(), until);
  }

  const std::unique_ptr<Connection> observer_ = connect();
};

// A table that is small when its statistics are taken is not read whole from then on, as it grows.
TEST_F(CommitPlans, SmallTablesAreReadByKeyToo) {
  const VolumeId memory = volume("acme/memory");
  const ClientId client{random_uuid()};
  const auto write = [&](std::uint64_t number) {
    Batch batch = put("/f" + std::to_string(number), "text");
    batch.request = RequestId{client, number};
    batch.acknowledged = number - 1;
    const auto created = store().apply(call(), memory, batch);
    ASSERT_TRUE(created) << created.error().message;
    const Batch more{{client, number + 1}, number, {Step{Append{NodeRef{"/f1"}, "x"}, {}}}};
    ASSERT_TRUE(store().apply(call(), memory, more));
  };
  for (std::uint64_t i = 1; i < 20; i += 2) write(i);
  sql(*observer_, "ANALYZE");
  database_.reset();
  await_committers_end();
  const std::int64_t before = number(kScans);
  database_ = open();
  for (std::uint64_t i = 21; i < 60; i += 2) write(i);
  database_.reset();
  await_committers_end();
  EXPECT_EQ(number(kScans), before);
}

}  // namespace
}  // namespace outboard::server
