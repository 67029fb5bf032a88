// Groups, standing grants, bound tokens, and leaving, against a real database.
#include <gtest/gtest.h>

#include "server/access.h"
#include "server/postgres/database_fixture.h"

namespace outboard::server {
namespace {

class RosterTest : public DatabaseTest {
 protected:
  RosterTest() : skills_(volume("acme/skills")), memory_(volume("acme/memory")) {
    for (const char* name : {"ada", "bob"}) EXPECT_TRUE(admin().create_user(call(), "acme", name));
    EXPECT_TRUE(admin().create_volume(call(), "acme/~ada/memory", {}));
    EXPECT_TRUE(store().apply(call(), skills_, put("/team/a", "ours")));
    EXPECT_TRUE(store().apply(call(), skills_, put("/other/b", "theirs")));
  }
  Roster& roster() { return database_->roster(); }
  StandingGrant grant(const std::string& holder, const std::string& volumes, Mode mode,
                      const std::string& prefix = "/", bool to_group = false) {
    StandingGrant asked;
    asked.organisation = "acme";
    asked.holder = holder;
    asked.to_group = to_group;
    asked.volumes = volumes;
    asked.prefix = prefix;
    asked.mode = mode;
    auto given = roster().give(call(), asked);
    EXPECT_TRUE(given) << given.error().message;
    return given.value_or({});
  }
  MintedToken mint(const std::string& user, std::vector<GrantByName> grants = {},
                   bool bound = true) {
    TokenRequest request;
    request.organisation = "acme";
    request.principal = user;
    request.grants = std::move(grants);
    request.bound = bound;
    auto minted = admin().mint_token(call(), request);
    EXPECT_TRUE(minted) << minted.error().message;
    return *std::move(minted);
  }
  // As a server that has not asked before.
  Caller read(const std::string& secret) {
    auto caller = open()->tokens().read(secret, call().deadline);
    EXPECT_TRUE(caller) << caller.error().message;
    return caller.value_or({});
  }
  static Call as(const Caller& caller) {
    Call one = call();
    one.caller = caller;
    return one;
  }
  std::string may(const Caller& caller, VolumeId volume, const std::string& path) {
    Access access(store());
    auto seen = access.attributes(as(caller), volume, path);
    if (!seen) return std::string(name_of(seen.error().code));
    SetAttributes touch;
    touch.node = path;
    touch.mode = 0700;
    auto written = access.apply(as(caller), volume, Batch{{}, 0, {Step{touch, {}}}});
    return written ? "write" : std::string(name_of(written.error().code));
  }

  const VolumeId skills_;
  const VolumeId memory_;
};

// [S41] A bound token may what its principal may at the moment, directly and by groups.
TEST_F(RosterTest, S41_ABoundTokenFollowsTheGrants) {
  const std::string secret = mint("ada").secret;
  EXPECT_EQ(may(read(secret), skills_, "/team/a"), "not_found");
  const StandingGrant direct = grant("ada", "skills", Mode::read, "/team");
  EXPECT_EQ(may(read(secret), skills_, "/team/a"), "read_only");
  EXPECT_EQ(may(read(secret), skills_, "/other/b"), "not_found");
  ASSERT_TRUE(roster().create_group(call(), "acme", "reviewers"));
  grant("reviewers", "skills", Mode::write, "/", true);
  EXPECT_EQ(may(read(secret), skills_, "/other/b"), "not_found");
  ASSERT_TRUE(roster().add_member(call(), "acme", "reviewers", "ada"));
  EXPECT_EQ(may(read(secret), skills_, "/other/b"), "write");
  ASSERT_TRUE(roster().remove_member(call(), "acme", "reviewers", "ada"));
  EXPECT_EQ(may(read(secret), skills_, "/team/a"), "read_only");
  ASSERT_TRUE(roster().withdraw(call(), "acme", direct.id));
  EXPECT_EQ(may(read(secret), skills_, "/team/a"), "not_found");
}

TEST_F(RosterTest, PatternsCoverVolumesByName) {
  grant("ada", "~@/*", Mode::write);
  const Caller ada = read(mint("ada").secret);
  Access access(store());
  EXPECT_TRUE(access.open_volume(as(ada), "acme/~ada/memory"));
  EXPECT_FALSE(access.open_volume(as(ada), "acme/memory"));
  grant("bob", "*", Mode::read);
  const Caller bob = read(mint("bob").secret);
  EXPECT_TRUE(access.open_volume(as(bob), "acme/memory"));
  EXPECT_TRUE(access.open_volume(as(bob), "acme/~ada/memory"));
}

// [S41] Grants of the token's own only narrow.
TEST_F(RosterTest, S41_ABoundTokenIsNarrowedByItsOwnGrants) {
  grant("ada", "skills", Mode::write);
  const Caller team = read(mint("ada", {{"acme/skills", "/team", false}}).secret);
  EXPECT_EQ(may(team, skills_, "/team/a"), "read_only");
  EXPECT_EQ(may(team, skills_, "/other/b"), "not_found");
  const Caller wider = read(mint("ada", {{"acme/memory", "/", true}}).secret);
  EXPECT_EQ(may(wider, memory_, "/"), "not_found");
}

// A token whose only volume is gone does not become one without limits.
TEST_F(RosterTest, ALimitedTokenWithoutAGrantLeftOpensNothing) {
  grant("bob", "*", Mode::write);
  const std::string secret = mint("bob", {{"acme/~ada/memory", "/", true}}).secret;
  ASSERT_TRUE(roster().remove_user(call(), "acme", "ada", Fate::remove, ""));
  EXPECT_TRUE(read(secret).grants.empty());
  EXPECT_EQ(may(read(secret), skills_, "/team/a"), "not_found");
  TokenRequest child;
  child.organisation = "acme";
  child.principal = "bob";
  auto minted = admin().mint_token(as(read(secret)), child);
  ASSERT_TRUE(minted) << minted.error().message;
  EXPECT_TRUE(read(minted->secret).grants.empty());
}

TEST_F(RosterTest, RolesAreModes) {
  grant("ada", "*", Mode::audit);
  grant("bob", "*", Mode::administer);
  const Caller ada = read(mint("ada").secret);
  Access access(store());
  EXPECT_TRUE(ada.auditor);
  EXPECT_TRUE(access.history(as(ada), skills_, {}));
  EXPECT_FALSE(access.attributes(as(ada), skills_, "/"));
  const Caller bob = read(mint("bob").secret);
  EXPECT_TRUE(bob.admin);
  EXPECT_TRUE(admin().create_user(as(bob), "acme", "eve"));
  EXPECT_EQ(admin().create_user(as(ada), "acme", "mallory").error().code, Code::no_access);
}

// A token that may write everything is not thereby its principal.
TEST_F(RosterTest, AnAgentsTokenDoesNotBecomeItsAdministrator) {
  grant("ada", "*", Mode::administer);
  const Caller agent = read(mint("ada", {{"acme/*", "/", true}}, false).secret);
  EXPECT_FALSE(agent.admin);
  TokenRequest child;
  child.organisation = "acme";
  child.principal = "ada";
  child.bound = true;
  auto minted = admin().mint_token(as(agent), child);
  ASSERT_TRUE(minted) << minted.error().message;
  const Caller caller = read(minted->secret);
  EXPECT_FALSE(caller.admin);
  EXPECT_FALSE(caller.auditor);
  EXPECT_EQ(admin().create_user(as(caller), "acme", "mallory").error().code, Code::no_access);
}

// A server may hold it for valid for a second yet.
TEST_F(RosterTest, S41_ARevokedTokenMintsNoChildren) {
  const MintedToken parent = mint("ada", {{"acme/memory", "/", true}}, false);
  const Caller stale = read(parent.secret);
  ASSERT_TRUE(admin().revoke_token(call(), parent.info.id));
  TokenRequest child;
  child.organisation = "acme";
  child.principal = "ada";
  EXPECT_EQ(admin().mint_token(as(stale), child).error().code, Code::unauthenticated);
}

TEST_F(RosterTest, WhoManagesAVolumeChangesItsSettings) {
  grant("ada", "skills", Mode::manage);
  const Caller ada = read(mint("ada").secret);
  VolumeSettings settings;
  settings.quota_versions = 7;
  auto changed = admin().change_volume(as(ada), "acme/skills", settings);
  ASSERT_TRUE(changed) << changed.error().message;
  EXPECT_EQ(changed->quota_versions, 7U);
  EXPECT_EQ(admin().change_volume(as(ada), "acme/memory", settings).error().code, Code::not_found);
  grant("bob", "skills", Mode::write);
  const Caller bob = read(mint("bob").secret);
  EXPECT_EQ(admin().change_volume(as(bob), "acme/skills", settings).error().code, Code::no_access);
}

TEST_F(RosterTest, NobodyGivesMoreThanTheyHave) {
  TokenRequest request;
  request.organisation = "acme";
  request.principal = "ada";
  request.admin = true;
  request.grants = {{"acme/skills", "/team", true}};
  const Caller ada = read(admin().mint_token(call(), request)->secret);
  StandingGrant wide;
  wide.organisation = "acme";
  wide.holder = "bob";
  wide.volumes = "skills";
  EXPECT_EQ(roster().give(as(ada), wide).error().code, Code::no_access);
  wide.prefix = "/team/deep";
  wide.mode = Mode::write;
  EXPECT_TRUE(roster().give(as(ada), wide));
  EXPECT_EQ(roster().give(as(ada), wide).error().code, Code::exists);
  wide.volumes = "*";
  EXPECT_EQ(roster().give(as(ada), wide).error().code, Code::no_access);
}

TEST_F(RosterTest, ATokenMintsForItselfOnlyAndOnlyNarrower) {
  const MintedToken parent = mint("ada", {{"acme/skills", "/team", true}}, false);
  const Caller ada = read(parent.secret);
  TokenRequest request;
  request.organisation = "acme";
  request.principal = "ada";
  request.grants = {{"acme/skills", "/team/deep", false}};
  auto child = admin().mint_token(as(ada), request);
  ASSERT_TRUE(child) << child.error().message;
  EXPECT_EQ(may(read(child->secret), skills_, "/team/a"), "not_found");
  for (const GrantByName& wider :
       {GrantByName{"acme/skills", "/", false}, GrantByName{"acme/skills", "/tea", false},
        GrantByName{"acme/memory", "/team", false}, GrantByName{"acme/*", "/team", false},
        GrantByName{"acme/skills", "/", true, true}}) {
    request.grants = {wider};
    EXPECT_EQ(admin().mint_token(as(ada), request).error().code, Code::no_access);
  }
  request.grants = {{"acme/skills", "/team", true}};
  request.principal = "bob";
  EXPECT_EQ(admin().mint_token(as(ada), request).error().code, Code::no_access);
  request.principal = "ada";
  request.admin = true;
  EXPECT_EQ(admin().mint_token(as(ada), request).error().code, Code::no_access);
  request.admin = false;
  request.grants.clear();  // no more than the parent's
  auto same = admin().mint_token(as(ada), request);
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_EQ(may(read(same->secret), skills_, "/other/b"), "not_found");
  EXPECT_EQ(may(read(same->secret), skills_, "/team/a"), "write");
}

TEST_F(RosterTest, AChildOfASessionsTokenIsFencedWithIt) {
  TokenRequest request;
  request.organisation = "acme";
  request.principal = "ada";
  request.grants = {{"acme/memory", "/", true}};
  request.session = SessionId{random_uuid()};
  request.generation = Generation{1};
  const Caller sandbox = read(admin().mint_token(call(), request)->secret);
  TokenRequest wanted;
  wanted.organisation = "acme";
  wanted.principal = "ada";
  wanted.grants = request.grants;
  const Caller child = read(admin().mint_token(as(sandbox), wanted)->secret);
  request.generation = Generation{2};
  ASSERT_TRUE(admin().mint_token(call(), request));
  EXPECT_EQ(store().apply(as(child), memory_, put("/f", "x")).error().code, Code::fenced);
}

// [S41] Renewed by whoever holds the parent: another life, the same secret.
TEST_F(RosterTest, S41_ATokenIsRenewedByItsParent) {
  const MintedToken parent = mint("ada", {{"acme/memory", "/", true}}, false);
  const Caller ada = read(parent.secret);
  TokenRequest request;
  request.organisation = "acme";
  request.principal = "ada";
  request.grants = {{"acme/memory", "/", true}};
  request.life = 1h;
  const MintedToken child = *admin().mint_token(as(ada), request);
  sql(*connect(), "UPDATE outboard.tokens SET expires = clock_timestamp() WHERE id = " +
                      std::to_string(child.info.id));
  EXPECT_FALSE(open()->tokens().read(child.secret, call().deadline));
  EXPECT_EQ(admin().renew_token(as(ada), parent.info.id, 1h).error().code, Code::not_found);
  auto renewed = admin().renew_token(as(ada), child.info.id, kTokenLifeMax);
  ASSERT_TRUE(renewed) << renewed.error().message;
  EXPECT_LE(renewed->expires, parent.info.expires);
  EXPECT_EQ(may(read(child.secret), memory_, "/"), "write");
  TokenRequest for_admin;
  for_admin.organisation = "acme";
  for_admin.principal = "bob";
  for_admin.admin = true;
  const MintedToken administrator = *admin().mint_token(call(), for_admin);
  const Caller looks_after = read(administrator.secret);
  EXPECT_TRUE(admin().renew_token(as(looks_after), child.info.id, 1h));
  EXPECT_EQ(admin().renew_token(as(looks_after), administrator.info.id, 1h).error().code,
            Code::not_found);  // for ever, otherwise
  const Caller bob = read(mint("bob", {{"acme/memory", "/", true}}, false).secret);
  EXPECT_EQ(admin().renew_token(as(bob), child.info.id, 1h).error().code, Code::not_found);
  ASSERT_TRUE(admin().revoke_token(call(), child.info.id));
  EXPECT_EQ(admin().renew_token(as(ada), child.info.id, 1h).error().code, Code::not_found);
}

TEST_F(RosterTest, WhatIsWithdrawnIsToldToEveryServer) {
  Mutex mutex;
  Condition told;
  int times = 0;
  const auto other = open();
  other->tell_access_changes([&] {
    const Lock lock(mutex);
    ++times;
    told.notify_all();
  });
  const std::string secret = mint("ada").secret;
  const StandingGrant given = grant("ada", "skills", Mode::read);
  const auto sees = [&] { return !other->tokens().read(secret, call().deadline)->grants.empty(); };
  const auto wait_until = [&](bool seen) {
    const Lock lock(mutex);
    while (sees() != seen) {
      if (!told.wait_until(mutex, std::chrono::steady_clock::now() + kTestWait)) return false;
    }
    return true;
  };
  EXPECT_TRUE(wait_until(true));
  ASSERT_TRUE(roster().withdraw(call(), "acme", given.id));
  EXPECT_TRUE(wait_until(false));
  other->tell_access_changes({});
  EXPECT_GE(times, 1);
}

// [S42] Who leaves loses every token at once; what becomes of their volumes is said.
TEST_F(RosterTest, S42_AUserLeaves) {
  grant("ada", "*", Mode::write);
  const MintedToken token = mint("ada");
  const Caller caller = read(token.secret);
  EXPECT_EQ(roster().remove_user(call(), "acme", "eve", Fate::keep, "").error().code,
            Code::not_found);
  EXPECT_EQ(roster().remove_user(call(), "acme", "ada", Fate::hand_over, "eve").error().code,
            Code::not_found);
  auto gone = roster().remove_user(call(), "acme", "ada", Fate::hand_over, "bob");
  ASSERT_TRUE(gone) << gone.error().message;
  EXPECT_EQ(gone->tokens, 1U);
  EXPECT_EQ(gone->handed_over, std::vector<std::string>{"acme/~bob/from-ada/memory"});
  EXPECT_EQ(store().apply(as(caller), memory_, put("/f", "x")).error().code, Code::unauthenticated);
  EXPECT_TRUE(store().open_volume(call(), "acme/~bob/from-ada/memory"));
  EXPECT_TRUE(roster().grants(call(), "acme")->empty());
  EXPECT_EQ(admin().users(call(), "acme")->size(), 1U);
}

TEST_F(RosterTest, S42_VolumesAreRemovedWithAllTheyHeld) {
  auto own = store().open_volume(call(), "acme/~ada/memory");
  ASSERT_TRUE(own);
  ASSERT_TRUE(store().apply(call(), own->id, put("/f", std::string(200'000, 'x'))));
  const SetXattr note{NodeRef{"/f"}, "user.note", "x"};
  ASSERT_TRUE(store().apply(call(), own->id, Batch{{}, 0, {Step{note, {}}}}));
  auto gone = roster().remove_user(call(), "acme", "ada", Fate::remove, "");
  ASSERT_TRUE(gone) << gone.error().message;
  EXPECT_EQ(gone->removed, std::vector<std::string>{"acme/~ada/memory"});
  EXPECT_EQ(gone->bytes, 200'010U);
  EXPECT_FALSE(store().open_volume(call(), "acme/~ada/memory"));
  const std::string where = " WHERE volume = " + to_string(own->id);
  for (const char* table :
       {"changes", "versions", "chunks", "inodes", "dentries", "seals", "former_xattrs"}) {
    EXPECT_NE(sql_error(*connect(), "DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM outboard." +
                                        std::string(table) + where +
                                        ") THEN RAISE 'swept'; END IF; END $$")
                  .find("swept"),
              std::string::npos)
        << table;
  }
}

// [S42] An organisation goes in two steps.
TEST_F(RosterTest, S42_AnOrganisationLeaves) {
  const MintedToken minted = mint("ada", {{"acme/memory", "/", true}}, false);
  const Caller caller = read(minted.secret);
  VolumeSettings reviewed;
  reviewed.mode = VolumeMode::reviewed;
  reviewed.skill_lint = Strictness::off;
  ASSERT_TRUE(admin().change_volume(call(), "acme/skills", reviewed));
  EXPECT_TRUE(store().apply(call(), skills_, put("/team/a", "newer")));
  auto submitted = database_->revisions().submit(call(), skills_, {"v1", "what there is"});
  ASSERT_TRUE(submitted) << submitted.error().message;
  ASSERT_TRUE(database_->revisions().pin(call(), skills_, minted.info.id, "1"));
  auto first = roster().remove_organisation(call(), "acme", "");
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_FALSE(first->done);
  EXPECT_EQ(first->removed.size(), 3U);
  EXPECT_EQ(first->users, 2U);
  EXPECT_FALSE(first->code.empty());
  EXPECT_EQ(roster().remove_organisation(call(), "acme", "wrong").error().code, Code::invalid);
  EXPECT_TRUE(store().open_volume(call(), "acme/memory"));
  EXPECT_EQ(roster().remove_organisation(as(caller), "acme", first->code).error().code,
            Code::no_access);
  auto second = roster().remove_organisation(call(), "acme", first->code);
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_TRUE(second->done);
  EXPECT_TRUE(admin().organisations(call())->empty());
  EXPECT_FALSE(store().open_volume(call(), "acme/memory"));
  EXPECT_TRUE(admin().create_organisation(call(), "acme"));
}

TEST_F(RosterTest, SigningInIsForUsers) {
  const Moment deadline = call().deadline;
  EXPECT_TRUE(database_->sign_in("acme", "ada", false, 1h, deadline)->info.bound);
  EXPECT_EQ(database_->sign_in("acme", "eve", false, 1h, deadline).error().code, Code::not_found);
  EXPECT_TRUE(database_->sign_in("acme", "eve", true, 1h, deadline));
  EXPECT_TRUE(database_->sign_in("acme", "eve", true, 1h, deadline));
  ASSERT_TRUE(roster().create_service(call(), "acme", "builds"));
  EXPECT_EQ(database_->sign_in("acme", "builds", true, 1h, deadline).error().code, Code::not_found);
}

TEST_F(RosterTest, S21_KeptVersionsHaveAQuota) {
  VolumeSettings settings;
  settings.quota_versions = 3;
  const VolumeId few = volume("acme/few", settings);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(store().apply(call(), few, put("/f", std::to_string(i))));
  const auto over = store().apply(call(), few, put("/f", "one too many"));
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, Code::no_space);
  EXPECT_EQ(content(few, "/f"), "2");
  EXPECT_EQ(store().describe(call(), few)->used_versions, 3U);
}

}  // namespace
}  // namespace outboard::server
