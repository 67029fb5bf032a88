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
  (*mount)->acknowledge(Seq{1});
  const Moment done = writer.get();
  EXPECT_GE(done, acknowledged);
  // Well before the lease would have run out: the other server was heard.
  EXPECT_LT(done - acknowledged, kStrictLease / 2);
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
