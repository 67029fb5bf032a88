// Many mounts that start at once on a volume that nobody has loaded yet. [D38]
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "core/limits.h"
#include "server/postgres/database_fixture.h"

namespace outboard::server {
namespace {

constexpr std::size_t kNames = 300;
constexpr std::size_t kMounts = 8;

class SharedSnapshotsTest : public DatabaseTest {
 protected:
  SharedSnapshotsTest() : memory_(volume("acme/memory")) {
    for (std::size_t i = 0; i < kNames; ++i) {
      EXPECT_TRUE(store().apply(call(), memory_, put("/" + std::to_string(i), "body")));
    }
  }
  // Nobody reads names before `go_on`: who wants to waits for a lock.
  std::unique_ptr<Connection> stop() {
    auto locker = connect();
    sql(*locker, "BEGIN; LOCK TABLE outboard.dentries IN ACCESS EXCLUSIVE MODE");
    return locker;
  }
  void go_on(Connection& locker) { sql(locker, "COMMIT"); }
  // Until one waits for that lock; ends it, when it is to die.
  void await_reader(bool kill) {
    sql(*connect(), std::string("DO $$ BEGIN FOR i IN 1 .. 1000 LOOP "
                                "IF EXISTS (SELECT ") +
                        (kill ? "pg_terminate_backend(pid) " : "1 ") +
                        "FROM pg_stat_activity WHERE datname = current_database() "
                        "AND wait_event_type = 'Lock') THEN RETURN; END IF; "
                        "PERFORM pg_stat_clear_snapshot(); PERFORM pg_sleep(0.01); END LOOP; "
                        "RAISE 'nobody reads'; END $$");
  }
  // So many load the volume at once, and `meanwhile` is done once all have begun.
  void load(Store& store, const std::function<void()>& meanwhile) {
    std::atomic<std::size_t> begun{0};
    std::vector<std::thread> mounts;
    for (std::size_t i = 0; i < kMounts; ++i) {
      mounts.emplace_back([&] {
        ++begun;
        begun.notify_all();
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
      });
    }
    for (std::size_t now = begun; now < kMounts; now = begun) begun.wait(now);
    meanwhile();
    for (std::thread& mount : mounts) mount.join();
  }

  const VolumeId memory_;
  std::atomic<int> failed_{0};
};

TEST_F(SharedSnapshotsTest, ATreeIsReadOnceForAllWhoAskAtOnce) {
  const auto read = rows_read({"dentries"}, [&](Store& store) {
    const auto locker = stop();
    load(store, [&] {
      await_reader(false);
      go_on(*locker);
    });
  });
  EXPECT_EQ(failed_, 0);
  EXPECT_GE(read, std::int64_t{kNames});
  EXPECT_LT(read, std::int64_t{kNames + kNames / 2}) << "the root and each name, once";
}

TEST_F(SharedSnapshotsTest, WhenTheOneWhoReadsFailsTheNextReads) {
  const auto server = open();
  const auto locker = stop();
  load(server->store(), [&] {
    await_reader(true);
    await_reader(false);
    go_on(*locker);
  });
  EXPECT_LE(failed_, 1) << "the one whose connection was cut";
}

}  // namespace
}  // namespace outboard::server
