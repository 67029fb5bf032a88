// Many mounts that start at once on a volume that nobody has loaded yet. [D38]
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "core/limits.h"
#include "server/postgres/database_fixture.h"

namespace outboard::server {
namespace {

constexpr std::size_t kNames = 300;
constexpr std::size_t kMounts = 6;

class SharedSnapshotsTest : public DatabaseTest {
 protected:
  SharedSnapshotsTest() : memory_(volume("acme/memory")) {
    for (std::size_t i = 0; i < kNames; ++i) {
      EXPECT_TRUE(store().apply(call(), memory_, put("/" + std::to_string(i), "body")));
    }
  }
  std::unique_ptr<Connection> locked(const std::string& table) {
    auto locker = connect();
    sql(*locker, "BEGIN; LOCK TABLE outboard." + table + " IN ACCESS EXCLUSIVE MODE");
    return locker;
  }
  // Until it holds of those whom Postgres serves.
  void await(const std::string& condition) {
    sql(*connect(), "DO $$ BEGIN FOR i IN 1 .. 1000 LOOP IF (SELECT " + condition +
                        " FROM pg_stat_activity WHERE datname = current_database() "
                        "AND pid <> pg_backend_pid()) THEN RETURN; END IF; "
                        "PERFORM pg_stat_clear_snapshot(); PERFORM pg_sleep(0.01); END LOOP; "
                        "RAISE 'they did not come to wait'; END $$");
  }
  // Until one waits to read names, and nobody else does anything.
  void await_reader() {
    await(
        "count(*) FILTER (WHERE wait_event_type = 'Lock') = 1 "
        "AND count(*) FILTER (WHERE state <> 'idle') = 2");
  }
  void load_one(Store& store) {
    std::size_t names = 0;
    std::size_t bodies = 0;
    auto seq = store.snapshot(call(), memory_, {}, [&](const SnapshotPart& part) {
      names += part.entries.size();
      bodies += part.bodies.size();
    });
    if (!seq) {
      EXPECT_EQ(seq.error().code, Code::unavailable) << seq.error().message;
      ++failed_;
      return;
    }
    EXPECT_EQ(names, kNames + 1);
    EXPECT_EQ(bodies, kNames);
    EXPECT_EQ(*seq, Seq{kNames});
  }
  // So many load the volume at once. `meanwhile` is done while one of them reads, and cannot go on
  // yet, and all others know of the same head.
  void load(Store& store, const std::function<void()>& meanwhile) {
    const auto names = locked("dentries");
    const auto heads = locked("volumes");
    std::vector<std::thread> mounts;
    while (mounts.size() < kMounts) mounts.emplace_back([&] { load_one(store); });
    await(
        "count(*) FILTER (WHERE wait_event_type = 'Lock' "
        "AND query LIKE 'SELECT head_seq, used_nodes%') = " +
        std::to_string(kMounts));
    sql(*heads, "COMMIT");
    await_reader();
    meanwhile();
    sql(*names, "COMMIT");
    for (std::thread& mount : mounts) mount.join();
  }

  const VolumeId memory_;
  std::atomic<int> failed_{0};
};

TEST_F(SharedSnapshotsTest, ATreeIsReadOnceForAllWhoAskAtOnce) {
  const auto read = rows_read({"dentries"}, [&](Store& store) { load(store, [] {}); });
  EXPECT_EQ(failed_, 0);
  EXPECT_GE(read, std::int64_t{kNames});
  EXPECT_LT(read, std::int64_t{kNames + kNames / 2}) << "the root and each name, once";
}

TEST_F(SharedSnapshotsTest, WhenTheOneWhoReadsFailsTheNextReads) {
  const auto server = open();
  load(server->store(), [&] {
    sql(*connect(),
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'");
    await_reader();
  });
  EXPECT_EQ(failed_, 1) << "the one whose connection was cut";
}

}  // namespace
}  // namespace outboard::server
