#include <gtest/gtest.h>

#include "server/postgres/database_fixture.h"

namespace outboard::server {
namespace {

class TokenTest : public DatabaseTest {
 protected:
  TokenTest() : memory_(volume("acme/memory")) {
    auto made = admin().create_user(call(), "acme", "ada");
    EXPECT_TRUE(made) << made.error().message;
  }
  MintedToken mint(TokenRequest request = {}) {
    request.organisation = "acme";
    request.principal = "ada";
    request.grants = {{"acme/memory", "/", true}};
    auto minted = admin().mint_token(call(), request);
    EXPECT_TRUE(minted) << minted.error().message;
    return *std::move(minted);
  }
  Result<Caller> read(const std::string& secret) {
    return database_->tokens().read(secret, call().deadline);
  }
  Result<Applied> write_as(const Caller& caller) {
    Call as = call();
    as.caller = caller;
    return store().apply(as, memory_, put("/f", "x"));
  }
  const VolumeId memory_;
};

TEST_F(TokenTest, ATokenStandsForItsPrincipalAndGrants) {
  const MintedToken minted = mint();
  EXPECT_EQ(minted.secret.size(), 46U);
  EXPECT_TRUE(minted.secret.starts_with("ob_"));
  auto caller = read(minted.secret);
  ASSERT_TRUE(caller) << caller.error().message;
  EXPECT_EQ(caller->principal, "ada");
  EXPECT_FALSE(caller->admin);
  ASSERT_EQ(caller->grants.size(), 1U);
  EXPECT_EQ(caller->grants.front(), (Grant{memory_, "/", true}));
  auto done = write_as(*caller);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(store().history(call(), memory_, {})->value.front().origin.principal, "ada");
}

TEST_F(TokenTest, UnknownOnesAreNobody) {
  EXPECT_EQ(read("ob_nobody").error().code, Code::unauthenticated);
  EXPECT_EQ(read("").error().code, Code::unauthenticated);
}

TEST_F(TokenTest, ARevokedOneWritesNothingFromThenOn) {
  const MintedToken minted = mint();
  const Caller caller = *read(minted.secret);
  ASSERT_TRUE(admin().revoke_token(call(), minted.info.id));
  EXPECT_EQ(write_as(caller).error().code, Code::unauthenticated);
  EXPECT_EQ(content(memory_, "/f"), "[not_found]");
  EXPECT_TRUE(admin().tokens(call(), "acme")->front().revoked);
}

TEST_F(TokenTest, AnExpiredOneWritesNothing) {
  const MintedToken minted = mint();
  const Caller caller = *read(minted.secret);
  sql(*connect(), "UPDATE outboard.tokens SET expires = clock_timestamp()");
  EXPECT_EQ(write_as(caller).error().code, Code::unauthenticated);
  const auto fresh = open();  // one that does not remember it
  EXPECT_EQ(fresh->tokens().read(minted.secret, call().deadline).error().code,
            Code::unauthenticated);
}

// [S8] A zombie sandbox's buffered writes land nowhere.
TEST_F(TokenTest, ANewerEpochOrGenerationFencesTheOlder) {
  TokenRequest request;
  request.session = SessionId{random_uuid()};
  request.epoch = Epoch{1};
  request.generation = Generation{1};
  const Caller first = *read(mint(request).secret);
  EXPECT_TRUE(write_as(first));
  request.generation = Generation{2};
  const Caller second = *read(mint(request).secret);
  EXPECT_EQ(write_as(first).error().code, Code::fenced);
  EXPECT_TRUE(write_as(second));
  request.epoch = Epoch{2};
  const Caller third = *read(mint(request).secret);
  EXPECT_EQ(write_as(second).error().code, Code::fenced);
  EXPECT_TRUE(write_as(third));
}

// [S8] Between the look at the epoch and COMMIT nobody can take the session over: the write waits
// for the one who is about to, and is fenced then.
TEST_F(TokenTest, S8_ATakeoverUnderWayIsWaitedFor) {
  TokenRequest request;
  request.session = SessionId{random_uuid()};
  request.epoch = Epoch{1};
  const Caller old = *read(mint(request).secret);
  const auto taker = connect();
  sql(*taker, "BEGIN");
  sql(*taker, "UPDATE outboard.sessions SET epoch = 2");
  Call as = call();
  as.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
  as.caller = old;
  EXPECT_EQ(store().apply(as, memory_, put("/f", "x")).error().code, Code::timed_out);
  sql(*taker, "COMMIT");
  EXPECT_EQ(write_as(old).error().code, Code::fenced);
  EXPECT_EQ(content(memory_, "/f"), "[not_found]");
}

TEST_F(TokenTest, OneCannotGiveMoreThanItHas) {
  volume("acme/skills");
  TokenRequest request;
  request.admin = true;
  Call as = call();
  as.caller = *read(mint(request).secret);
  TokenRequest wider;
  wider.organisation = "acme";
  wider.principal = "ada";
  wider.grants = {{"acme/skills", "/", false}};
  EXPECT_EQ(admin().mint_token(as, wider).error().code, Code::no_access);
  wider.grants = {{"acme/memory", "/", false}};
  auto narrower = admin().mint_token(as, wider);
  ASSERT_TRUE(narrower) << narrower.error().message;
  ASSERT_TRUE(admin().revoke_token(as, as.caller.token));
  EXPECT_EQ(read(narrower->secret).error().code, Code::unauthenticated);  // with its parent
}

TEST_F(TokenTest, OrganisationsDoNotSeeEachOther) {
  ASSERT_TRUE(admin().create_organisation(call(), "globex"));
  TokenRequest request;
  request.admin = true;
  Call as = call();
  as.caller = *read(mint(request).secret);
  EXPECT_EQ(admin().users(as, "globex").error().code, Code::not_found);
  EXPECT_EQ(admin().create_volume(as, "globex/skills", {}).error().code, Code::not_found);
  EXPECT_EQ(admin().create_organisation(as, "mine").error().code, Code::no_access);
  EXPECT_EQ(admin().organisations(as)->size(), 1U);
}

TEST_F(TokenTest, TheSitesAdministratorReachesAll) {
  auto minted = database_->mint_site_token("root");
  ASSERT_TRUE(minted) << minted.error().message;
  Call as = call();
  as.caller = *read(minted->secret);
  EXPECT_EQ(as.caller.organisation, 0U);
  EXPECT_TRUE(admin().create_organisation(as, "globex"));
  EXPECT_TRUE(admin().create_volume(as, "globex/skills", {}));
}

TEST_F(TokenTest, NamesOfVolumesAreChecked) {
  for (const char* name : {"acme", "acme/", "acme/Skills", "acme/~ada", "acme//x", "/x"}) {
    EXPECT_EQ(admin().create_volume(call(), name, {}).error().code, Code::invalid) << name;
  }
  EXPECT_EQ(admin().create_volume(call(), "acme/~eve/memory", {}).error().code, Code::not_found);
  EXPECT_TRUE(admin().create_volume(call(), "acme/~ada/memory", {}));
  EXPECT_EQ(admin().create_volume(call(), "acme/memory", {}).error().code, Code::exists);
}

}  // namespace
}  // namespace outboard::server
