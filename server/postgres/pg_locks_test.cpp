// Locks and strict volumes with several servers on one database; leases by the database's clock.
#include <gtest/gtest.h>

#include <future>

#include "core/await_lock.h"
#include "server/postgres/database_fixture.h"

namespace outboard::server {
namespace {

using std::chrono::steady_clock;

class PgLocksTest : public DatabaseTest {
 protected:
  PgLocksTest()
      : here_(server()), there_(server()), memory_(volume("acme/memory")), file_(make("/f")) {}

  // A server whose clients' leases end soon after their streams.
  std::unique_ptr<Database> server() {
    auto opened = Database::open({.url = url_, .lock_grace = std::chrono::milliseconds(400)});
    EXPECT_TRUE(opened) << opened.error().message;
    return *std::move(opened);
  }
  Inode make(const std::string& path) {
    auto made = store().apply(call(), memory_, put(path, ""));
    EXPECT_TRUE(made) << made.error().message;
    return made->outcomes.front().node.inode;
  }
  static Call as(const ClientId& client) {
    Call by = call();
    by.caller.client = client;
    return by;
  }
  std::string lock(Database& server, const Call& by, std::optional<LockKind> kind,
                   bool wait = false) {
    LockQuery query;
    query.inode = file_;
    query.client = by.caller.client;
    query.kind = kind;
    query.wait = wait;
    auto answer = await_lock(server.store(), by, memory_, query);
    return answer ? "granted" : std::string(name_of(answer.error().code));
  }
  // Until so many stand in the queue.
  void await_waiters(Connection& connection, int count) {
    sql(connection,
        "DO $$ BEGIN FOR i IN 1 .. 3000 LOOP IF (SELECT count(*) FROM "
        "outboard.lock_waiters) = " +
            std::to_string(count) +
            " THEN RETURN; END IF; PERFORM pg_sleep(0.01); END LOOP; "
            "RAISE 'nobody waits'; END $$");
  }
  // As long as it lives, the client's locks do.
  std::unique_ptr<Subscription> stream(Database& server, const Call& by) {
    auto made = server.store().subscribe(by, memory_, Seq{}, std::make_shared<FeedQueue>());
    EXPECT_TRUE(made) << made.error().message;
    return *std::move(made);
  }

  static constexpr auto kExclusive = LockKind::exclusive;
  const std::unique_ptr<Database> here_;
  const std::unique_ptr<Database> there_;
  const VolumeId memory_;
  const Inode file_;
  const Call ada_ = as(ClientId{random_uuid()});
  const Call bob_ = as(ClientId{random_uuid()});
};

// [S36]
TEST_F(PgLocksTest, ServersAgreeAndWakeEachOthersWaiters) {
  const auto a = stream(*here_, ada_);
  const auto b = stream(*there_, bob_);
  ASSERT_EQ(lock(*here_, ada_, kExclusive), "granted");
  EXPECT_EQ(lock(*there_, bob_, kExclusive), "conflict");
  auto waiting =
      std::async(std::launch::async, [&] { return lock(*there_, bob_, kExclusive, true); });
  EXPECT_EQ(lock(*here_, ada_, std::nullopt), "granted");
  EXPECT_EQ(waiting.get(), "granted");
  EXPECT_EQ(lock(*here_, ada_, kExclusive), "conflict");
}

// [S36] Without a stream a lock lasts for its grace; with one, on whichever server, as long as
// that.
TEST_F(PgLocksTest, ALeaseLastsWithAStreamAndEndsWithoutOne) {
  auto kept = stream(*there_, ada_);
  ASSERT_EQ(lock(*here_, ada_, kExclusive), "granted");
  Call soon = bob_;
  soon.deadline = steady_clock::now() + std::chrono::seconds(2);  // five graces
  EXPECT_EQ(lock(*here_, soon, kExclusive, true), "timed_out");
  kept.reset();
  EXPECT_EQ(lock(*here_, bob_, kExclusive, true), "granted");
}

// [S36]
TEST_F(PgLocksTest, AnEndedLeaseTakesItsLocksBeforeItBeginsAnew) {
  const auto connection = connect();
  ASSERT_EQ(lock(*here_, ada_, kExclusive), "granted");
  sql(*connection, "UPDATE outboard.lock_leases SET until = clock_timestamp()");
  const Inode other = make("/other");
  LockQuery query;
  query.inode = other;
  query.client = ada_.caller.client;
  query.kind = kExclusive;
  ASSERT_TRUE(await_lock(here_->store(), ada_, memory_, query));
  EXPECT_EQ(lock(*here_, bob_, kExclusive), "granted");
}

// [S36]
TEST_F(PgLocksTest, ARevokedTokenLosesItsLocks) {
  ASSERT_TRUE(admin().create_user(call(), "acme", "ada"));
  TokenRequest request;
  request.organisation = "acme";
  request.principal = "ada";
  request.grants = {{"acme/memory", "/", true}};
  auto minted = admin().mint_token(call(), request);
  ASSERT_TRUE(minted);
  Call by = ada_;
  by.caller.token = minted->info.id;
  const auto kept = stream(*here_, by);
  ASSERT_EQ(lock(*here_, by, kExclusive), "granted");
  EXPECT_EQ(lock(*there_, bob_, kExclusive), "conflict");
  ASSERT_TRUE(admin().revoke_token(call(), minted->info.id));
  EXPECT_EQ(lock(*there_, bob_, kExclusive), "granted");
}

TEST_F(PgLocksTest, AClientBelongsToThePrincipalThatFirstLockedWithIt) {
  const auto kept = stream(*here_, ada_);
  ASSERT_EQ(lock(*here_, ada_, kExclusive), "granted");
  Call other = ada_;
  other.caller.principal = "eve";
  EXPECT_EQ(lock(*here_, other, LockKind::shared), "no_access");
}

// [S36] What no bell told of is found by the next look around.
TEST_F(PgLocksTest, ALostBellStillWakesAWaiter) {
  const auto a = stream(*here_, ada_);
  const auto b = stream(*there_, bob_);
  ASSERT_EQ(lock(*here_, ada_, kExclusive), "granted");
  auto waiting =
      std::async(std::launch::async, [&] { return lock(*there_, bob_, kExclusive, true); });
  const auto connection = connect();
  await_waiters(*connection, 1);
  // As an unlock does it, but that nobody is notified.
  sql(*connection, "DELETE FROM outboard.locks");
  EXPECT_EQ(waiting.get(), "granted");
}

// [S36] An owner whose unlock has been answered holds nothing and waits for nothing, though it may
// have been its waiting lock's turn just then; and who waited is told at once which it was.
TEST_F(PgLocksTest, AWaitThatIsTakenBackLeavesNothingBehind) {
  std::vector<Call> waiters;
  std::vector<std::unique_ptr<Subscription>> streams;
  for (int i = 0; i < 6; ++i) {
    waiters.push_back(as(ClientId{random_uuid()}));
    streams.push_back(stream(*here_, waiters.back()));
  }
  const auto a = stream(*here_, ada_);
  const auto b = stream(*here_, bob_);
  const auto connection = connect();
  const auto asked = [&](const Call& by, std::optional<LockKind> kind, bool wait) {
    return std::async(std::launch::async, [=, this] { return lock(*here_, by, kind, wait); });
  };
  for (int round = 0; round < 60; ++round) {
    ASSERT_EQ(lock(*here_, ada_, kExclusive), "granted") << "round " << round;
    std::vector<std::future<std::string>> waiting;
    for (const Call& by : waiters) waiting.push_back(asked(by, LockKind::shared, true));
    await_waiters(*connection, 6);
    auto unlocked = asked(ada_, std::nullopt, false);
    // A few trips to the database later in each round: then one of them is just being tried for.
    for (int trip = 0; trip < round % 20; ++trip) sql(*connection, "SELECT 1");
    std::vector<std::future<std::string>> taken_back;
    for (const Call& by : waiters) taken_back.push_back(asked(by, std::nullopt, false));
    for (auto& one : taken_back) EXPECT_EQ(one.get(), "granted");
    EXPECT_EQ(unlocked.get(), "granted");
    for (auto& one : waiting) {
      const std::string said = one.get();
      EXPECT_TRUE(said == "granted" || said == "conflict") << "round " << round << ": " << said;
    }
    ASSERT_EQ(lock(*here_, bob_, kExclusive), "granted")
        << "round " << round << ": held for nobody";
    ASSERT_EQ(lock(*here_, bob_, std::nullopt), "granted");
  }
}

TEST_F(PgLocksTest, AnUnlockThatCannotTakeItsLockBackSaysWhy) {
  const auto b = stream(*here_, bob_);
  const auto connection = connect();
  sql(*connection, "BEGIN");
  sql(*connection, "SELECT pg_advisory_xact_lock(hashtextextended('outboard lock ' || " +
                       to_string(memory_) + " || ':' || " + to_string(file_) + ", 0))");
  auto trying = std::async(std::launch::async, [&] { return lock(*here_, bob_, kExclusive); });
  const auto watcher = connect();
  sql(*watcher,
      "DO $$ BEGIN FOR i IN 1 .. 3000 LOOP IF EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND "
      "locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = "
      "current_database())) THEN RETURN; END IF; PERFORM pg_sleep(0.01); END LOOP; "
      "RAISE 'nobody tries'; END $$");
  Call soon = bob_;
  soon.deadline = steady_clock::now() + std::chrono::milliseconds(100);
  LockQuery query;
  query.inode = file_;
  query.client = bob_.caller.client;
  const auto answer = await_lock(here_->store(), soon, memory_, query);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::timed_out);
  EXPECT_NE(answer.error().message.find("unlock again"), std::string::npos)
      << answer.error().message;
  sql(*connection, "COMMIT");
  EXPECT_EQ(trying.get(), "granted");
  EXPECT_EQ(lock(*here_, bob_, std::nullopt), "granted");
}

class StrictTest : public PgLocksTest {
 protected:
  StrictTest() {
    VolumeSettings settings;
    settings.strict = true;
    strict_ = volume("acme/strict", settings);
  }
  VolumeId strict_;
};

// [S7] The mount hangs on another server than the writer.
TEST_F(StrictTest, APublishWaitsForAnotherServersMounts) {
  auto queue = std::make_shared<FeedQueue>(kWatcherQueueChanges, true);
  auto mount = there_->store().subscribe(call(), strict_, Seq{}, queue);
  ASSERT_TRUE(mount) << mount.error().message;
  auto writer = std::async(std::launch::async, [&] {
    auto done = here_->store().apply(call(), strict_, put("/f", "new"));
    EXPECT_TRUE(done) << done.error().message;
    return steady_clock::now();
  });
  for (Seq upto; upto < Seq{1};) {
    const auto item = queue->next(steady_clock::now() + kTestWait);
    ASSERT_TRUE(item && !item->end);
    upto = item->upto;
  }
  EXPECT_NE(writer.wait_for(kStrictLease / 10), std::future_status::ready);
  const Moment acknowledged = steady_clock::now();
  (*mount)->acknowledge(Seq{1}, false);
  const Moment done = writer.get();
  EXPECT_GE(done, acknowledged);
  // Well before the lease would have run out: the other server was heard.
  EXPECT_LT(done - acknowledged, kStrictLease / 2);
}

// [S7] So does who asks whether it has settled.
TEST_F(StrictTest, AReaderWaitsForAnotherServersMounts) {
  auto queue = std::make_shared<FeedQueue>(kWatcherQueueChanges, true);
  auto mount = there_->store().subscribe(call(), strict_, Seq{}, queue);
  ASSERT_TRUE(mount) << mount.error().message;
  auto reader = std::async(std::launch::async, [&] {
    EXPECT_TRUE(here_->store().settle(call(), strict_, Seq{1}));
    return steady_clock::now();
  });
  EXPECT_NE(reader.wait_for(kStrictLease / 10), std::future_status::ready);
  const Moment acknowledged = steady_clock::now();
  (*mount)->acknowledge(Seq{1}, false);
  const Moment done = reader.get();
  EXPECT_GE(done, acknowledged);
  EXPECT_LT(done - acknowledged, kStrictLease / 2);
}

// [S7] Readers that wait leave threads to those who wait for nobody.
TEST_F(StrictTest, SoManyReadersWaitAtOnceAndNoMore) {
  auto queue = std::make_shared<FeedQueue>(kWatcherQueueChanges, true);
  auto mount = here_->store().subscribe(call(), strict_, Seq{}, queue);
  ASSERT_TRUE(mount) << mount.error().message;
  std::vector<std::future<Status>> readers;
  for (std::size_t i = 0; i < 2 * kStrictReadersMax; ++i) {
    readers.push_back(std::async(std::launch::async,
                                 [&] { return here_->store().settle(call(), strict_, Seq{1}); }));
  }
  std::size_t refused = 0;
  for (auto& reader : readers) {
    const Status settled = reader.get();
    if (settled) continue;
    ++refused;
    EXPECT_EQ(settled.error().code, Code::unavailable) << settled.error().message;
    EXPECT_GT(settled.error().retry_after_ms, 0U);
  }
  EXPECT_GT(refused, 0U);
  EXPECT_LE(refused, kStrictReadersMax);
}

// [S7] A server that has not committed to a volume yet looks whether it is strict.
TEST_F(StrictTest, TheFirstPublishThroughAServerWaits) {
  auto queue = std::make_shared<FeedQueue>(kWatcherQueueChanges, true);
  auto mount = there_->store().subscribe(call(), strict_, Seq{}, queue);
  ASSERT_TRUE(mount) << mount.error().message;
  auto answered = std::make_shared<std::promise<Moment>>();
  auto done = answered->get_future();
  std::thread writer([&] {
    here_->store().submit(call(), strict_, put("/f", "new"),
                          [answered](const Result<Applied>& applied) {
                            EXPECT_TRUE(applied);
                            answered->set_value(steady_clock::now());
                          });
  });
  EXPECT_NE(done.wait_for(kStrictLease / 10), std::future_status::ready);
  const Moment acknowledged = steady_clock::now();
  (*mount)->acknowledge(Seq{1}, false);
  EXPECT_GE(done.get(), acknowledged);
  writer.join();
}

// [S7]
TEST_F(StrictTest, PlainSqlIsRefusedWithTheWayOut) {
  const auto connection = connect();
  const std::string said =
      sql_error(*connection, "SELECT outboard.refuse_strict(" + to_string(strict_) + ")");
  EXPECT_NE(said.find("acme/strict"), std::string::npos) << said;
  sql(*connection, "SELECT outboard.refuse_strict(" + to_string(memory_) + ")");
}

}  // namespace
}  // namespace outboard::server
