// Rights that end while their holder watches.
#include <gtest/gtest.h>

#include "client/grpc_store.h"
#include "core/clock.h"
#include "core/path.h"
#include "server/postgres/database.h"
#include "server/rpc/rpc_server.h"
#include "tests/support/temp_directory.h"
#include "tests/support/test_postgres.h"

namespace outboard::tests {
namespace {

using namespace std::chrono_literals;
using server::Database;
using server::RpcServer;

class WithdrawnTest : public ::testing::Test {
 protected:
  WithdrawnTest() {
    url_ = TestPostgres::shared().fresh_database();
    auto opened = Database::open({.url = url_});
    CHECK(opened);
    database_ = *std::move(opened);
    server::RpcConfig config;
    config.listen = {"unix:" + directory_.path() + "/socket"};
    config.workers = 8;
    auto started = RpcServer::start(config, database_->store(), database_->admin(),
                                    database_->tokens(), {}, {}, {&database_->roster(), nullptr});
    CHECK(started);
    server_ = *std::move(started);
    database_->tell_access_changes([this] { server_->recheck_tokens(); });
    CHECK(database_->admin().create_organisation(call(), "acme"));
    CHECK(database_->admin().create_user(call(), "acme", "ada"));
    volume_ = database_->admin().create_volume(call(), "acme/skills", {})->id;
  }
  ~WithdrawnTest() override { database_->tell_access_changes({}); }

  static Call call() { return internal_call(SystemClock().now() + 60s); }
  MintedToken mint(std::vector<GrantByName> grants) {
    TokenRequest request;
    request.organisation = "acme";
    request.principal = "ada";
    request.grants = std::move(grants);
    auto minted = database_->admin().mint_token(call(), request);
    CHECK(minted);
    return *std::move(minted);
  }
  StandingGrant give(const std::string& prefix) {
    StandingGrant grant;
    grant.organisation = "acme";
    grant.holder = "ada";
    grant.volumes = "skills";
    grant.prefix = prefix;
    grant.mode = Mode::write;
    auto given = database_->roster().give(call(), grant);
    CHECK(given);
    return *given;
  }
  std::unique_ptr<client::GrpcStore> connect(const std::string& secret) {
    client::ChannelConfig config;
    config.address = server_->addresses().at(0);
    config.token = [secret] { return secret; };
    auto store = client::GrpcStore::connect(config, SystemClock().now() + 60s);
    CHECK(store);
    return *std::move(store);
  }
  // How long after `take_away` the watcher is told that its access has ended.
  std::chrono::milliseconds until_cut(const std::string& secret,
                                      const std::function<void()>& take_away) {
    const auto store = connect(secret);
    auto queue = std::make_shared<FeedQueue>();
    EXPECT_TRUE(store->snapshot(call(), volume_, {}, [](const SnapshotPart&) {}));
    auto subscription = store->subscribe(Call::until(SystemClock().now() + 60s), volume_,
                                         database_->store().describe(call(), volume_)->head, queue);
    EXPECT_TRUE(subscription) << subscription.error().message;
    const Moment start = SystemClock().now();
    take_away();
    for (;;) {
      const auto item = queue->next(start + 60s);
      if (!item) {
        ADD_FAILURE() << "the stream goes on";
        break;
      }
      if (!item->end) continue;
      EXPECT_EQ(*item->end, FeedEnd::access_revoked);
      break;
    }
    return std::chrono::duration_cast<std::chrono::milliseconds>(SystemClock().now() - start);
  }

  TempDirectory directory_;
  std::string url_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<RpcServer> server_;
  VolumeId volume_;
};

TEST_F(WithdrawnTest, S41_ARevokedTokensStreamIsCutWithinASecond) {
  const MintedToken token = mint({{"acme/skills", "/", true}});
  const auto took = until_cut(
      token.secret, [&] { ASSERT_TRUE(database_->admin().revoke_token(call(), token.info.id)); });
  EXPECT_LT(took, 1s);
  RecordProperty("milliseconds", static_cast<int>(took.count()));
}

TEST_F(WithdrawnTest, S41_AWithdrawnGrantsStreamIsCutWithinASecond) {
  const StandingGrant grant = give("/team");
  const MintedToken token = mint({});
  const auto took = until_cut(
      token.secret, [&] { ASSERT_TRUE(database_->roster().withdraw(call(), "acme", grant.id)); });
  EXPECT_LT(took, 1s);
}

// A token revoked by plain SQL rings the same bell.
TEST_F(WithdrawnTest, S41_PlainSqlRevokesAsFast) {
  const MintedToken token = mint({{"acme/skills", "/", true}});
  const auto took = until_cut(token.secret, [&] {
    ASSERT_TRUE(TestPostgres::shared().execute(
        url_, "UPDATE outboard.tokens SET revoked = clock_timestamp() WHERE id = " +
                  std::to_string(token.info.id)));
  });
  EXPECT_LT(took, 1s);
}

// [S40] Over the wire, from a real database: a part is followed by seqs that leave nothing out.
TEST_F(WithdrawnTest, S40_APartIsFollowedOverTheWire) {
  give("/team");
  const auto store = connect(mint({}).secret);
  auto queue = std::make_shared<FeedQueue>();
  auto subscription =
      store->subscribe(Call::until(SystemClock().now() + 60s), volume_, Seq{}, queue);
  ASSERT_TRUE(subscription) << subscription.error().message;
  const auto put = [&](const std::string& path) {
    const auto [parent, name] = split_last(path);
    Publish publish;
    publish.at = NameRef{std::string(parent), std::string(name)};
    publish.bytes = path;
    publish.parents = true;
    return database_->store().apply(call(), volume_, Batch{{}, 0, {Step{publish, {}}}});
  };
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(put("/secret/" + std::to_string(i)));
    ASSERT_TRUE(put("/team/" + std::to_string(i)));
  }
  const Seq head = database_->store().describe(call(), volume_)->head;
  std::size_t seen = 0;
  for (Seq at; at < head;) {
    const auto item = queue->next(SystemClock().now() + 60s);
    ASSERT_TRUE(item && !item->end);
    for (const Change& change : item->changes) {
      EXPECT_TRUE(is_within(change.path, "/team")) << change.path;
      EXPECT_EQ(change.seq.value, at.value + 1);
      at = change.seq;
      ++seen;
    }
    at = std::max(at, item->upto);
  }
  EXPECT_EQ(seen, 51U);  // the directory too
}

}  // namespace
}  // namespace outboard::tests
