// Who belongs here and who signs in, over the wire: each question arrives, each answer returns, as
// it was.
#include "client/grpc_roster.h"
#include "server/sign_in.h"
#include "tests/wire/house.h"

namespace outboard::tests {
namespace {

void expect_same(const User& a, const User& b) {
  EXPECT_EQ(a.organisation, b.organisation);
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.created, b.created);
}

// Answers each question with what it was asked; a mutation without an answer is written down.
class EchoRoster final : public Roster {
 public:
  Result<User> create_service(const Call&, std::string_view organisation,
                              std::string_view name) override {
    return User{std::string(organisation), std::string(name), Timestamp{1}};
  }
  Result<std::vector<User>> services(const Call& call, std::string_view organisation) override {
    return std::vector<User>{{std::string(organisation), call.caller.principal, Timestamp{2}},
                             {std::string(organisation), "robot", Timestamp{3}}};
  }
  Result<Group> create_group(const Call&, std::string_view organisation,
                             std::string_view name) override {
    if (name == "taken") return Error{Code::exists, "the group taken stands already", "taken"};
    return Group{std::string(organisation), std::string(name), Timestamp{4}, {}};
  }
  Status remove_group(const Call&, std::string_view organisation, std::string_view name) override {
    return told("remove_group", {organisation, name});
  }
  Result<std::vector<Group>> groups(const Call&, std::string_view organisation) override {
    return std::vector<Group>{
        {std::string(organisation), "writers", Timestamp{5}, {"ada", "bob", "robot"}},
        {std::string(organisation), "empty", Timestamp{6}, {}}};
  }
  Status add_member(const Call&, std::string_view organisation, std::string_view group,
                    std::string_view principal) override {
    return told("add_member", {organisation, group, principal});
  }
  Status remove_member(const Call&, std::string_view organisation, std::string_view group,
                       std::string_view principal) override {
    return told("remove_member", {organisation, group, principal});
  }
  Result<StandingGrant> give(const Call& call, const StandingGrant& grant) override {
    StandingGrant given = grant;
    given.id = 77;
    given.given_by = call.caller.principal;
    given.created = Timestamp{7};
    return given;
  }
  Status withdraw(const Call&, std::string_view organisation, std::uint64_t id) override {
    return told("withdraw", {organisation, std::to_string(id)});
  }
  Result<std::vector<StandingGrant>> grants(const Call&, std::string_view organisation) override {
    std::vector<StandingGrant> all;
    for (const Mode mode : {Mode::read, Mode::write, Mode::manage, Mode::audit, Mode::administer}) {
      StandingGrant grant;
      grant.id = all.size() + 1;
      grant.organisation = std::string(organisation);
      grant.holder = "ada";
      grant.volumes = "~@/memory";
      grant.mode = mode;
      all.push_back(std::move(grant));
    }
    return all;
  }
  Result<Departure> remove_user(const Call&, std::string_view organisation, std::string_view name,
                                Fate fate, std::string_view heir) override {
    Departure gone{true, {}, 1, 2, 3, 4, {"removed"}, {"handed", "over"}, {"kept"}};
    gone.removed.push_back(std::string(organisation) + "/~" + std::string(name) + " " +
                           std::to_string(static_cast<int>(fate)) + " " + std::string(heir));
    return gone;
  }
  Result<Departure> remove_organisation(const Call&, std::string_view name,
                                        std::string_view code) override {
    Departure gone;
    gone.done = !code.empty();
    gone.code = gone.done ? "" : "say-" + std::string(name);
    gone.bytes = std::uint64_t{1} << 40U;
    return gone;
  }

  std::vector<std::string> heard() {
    return heard_.with([](const auto& heard) { return heard; });
  }

 private:
  Status told(std::string what, const std::vector<std::string_view>& words) {
    for (const std::string_view word : words) what += " " + std::string(word);
    heard_.with([&](auto& heard) { heard.push_back(what); });
    if (what.find("nobody") == std::string::npos) return success();
    return Error{Code::not_found, "nobody is called so: see `outboard user list`", "nobody"};
  }
  Guarded<std::vector<std::string>> heard_;
};

class EchoSignIn final : public server::SignIn {
 public:
  Result<MintedToken> sign_in(std::string_view id_token, Moment) override {
    if (id_token != "good") {
      return Error{Code::unauthenticated, "not a good identity: sign in at the issuer again"};
    }
    MintedToken minted;
    minted.info.id = 9;
    minted.info.organisation = "acme";
    minted.info.principal = "ada";
    minted.info.bound = true;
    minted.info.expires = Timestamp{10};
    minted.secret = "ob_fresh";
    return minted;
  }
};

class RosterWireTest : public WireHouse {
 protected:
  RosterWireTest() {
    server::RpcConfig config;
    config.listen = {"unix:" + directory_.path() + "/people"};
    config.workers = 8;
    auto people =
        server::RpcServer::start(config, memory_, admin_, tokens_, {}, {}, {&echo_, &sign_in_});
    EXPECT_TRUE(people) << people.error().message;
    people_ = *std::move(people);
  }
  std::unique_ptr<client::GrpcRoster> roster(const std::string& token = "ob_ada") {
    client::ChannelConfig config = channel(token);
    config.address = people_->addresses().at(0);
    auto opened = client::GrpcRoster::open(config);
    EXPECT_TRUE(opened) << opened.error().message;
    return *std::move(opened);
  }

  EchoRoster echo_;
  EchoSignIn sign_in_;
  std::unique_ptr<server::RpcServer> people_;
};

TEST_F(RosterWireTest, PeopleAndGroupsCrossUnchanged) {
  const auto far = roster();
  expect_same(*far->create_service(call(), "acme", "robot"), {"acme", "robot", Timestamp{1}});
  const auto services = far->services(call(), "acme");
  ASSERT_EQ(services->size(), 2U);
  expect_same(services->at(0), {"acme", "ada", Timestamp{2}});  // the caller, as the server sees it
  expect_same(services->at(1), {"acme", "robot", Timestamp{3}});
  EXPECT_EQ(*far->create_group(call(), "acme", "writers"),
            *echo_.create_group(call(), "acme", "writers"));
  EXPECT_EQ(*far->groups(call(), "acme"), *echo_.groups(call(), "acme"));
  const auto taken = far->create_group(call(), "acme", "taken");
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, Code::exists);
  EXPECT_EQ(taken.error().subject, "taken");
  EXPECT_TRUE(far->remove_group(call(), "acme", "writers"));
  EXPECT_TRUE(far->add_member(call(), "acme", "writers", "bob"));
  EXPECT_TRUE(far->remove_member(call(), "acme", "writers", "eve"));
  EXPECT_EQ(far->add_member(call(), "acme", "writers", "nobody").error().code, Code::not_found);
  EXPECT_EQ(echo_.heard(),
            (std::vector<std::string>{"remove_group acme writers", "add_member acme writers bob",
                                      "remove_member acme writers eve",
                                      "add_member acme writers nobody"}));
}

TEST_F(RosterWireTest, StandingGrantsCrossUnchanged) {
  const auto far = roster();
  StandingGrant grant;
  grant.organisation = "acme";
  grant.holder = "writers";
  grant.to_group = true;
  grant.volumes = "team-*";
  grant.prefix = "/notes";
  grant.mode = Mode::write;
  const auto given = far->give(call(), grant);
  ASSERT_TRUE(given) << given.error().message;
  grant.id = 77;
  grant.given_by = "ada";
  grant.created = Timestamp{7};
  EXPECT_EQ(*given, grant);
  EXPECT_EQ(*far->grants(call(), "acme"), *echo_.grants(call(), "acme")) << "in every mode";
  EXPECT_TRUE(far->withdraw(call(), "acme", 77));
  EXPECT_EQ(echo_.heard(), std::vector<std::string>{"withdraw acme 77"});
}

TEST_F(RosterWireTest, DeparturesCrossUnchanged) {
  const auto far = roster();
  for (const Fate fate : {Fate::keep, Fate::hand_over, Fate::remove}) {
    EXPECT_EQ(*far->remove_user(call(), "acme", "bob", fate, "ada"),
              *echo_.remove_user(call(), "acme", "bob", fate, "ada"));
  }
  EXPECT_EQ(*far->remove_organisation(call(), "acme", ""),
            *echo_.remove_organisation(call(), "acme", ""));
  EXPECT_EQ(*far->remove_organisation(call(), "acme", "say-acme"),
            *echo_.remove_organisation(call(), "acme", "say-acme"));
}

// Who signs in has no token yet: it is the one question that needs none.
TEST_F(RosterWireTest, SigningInNeedsNoTokenAndNothingElseGoesWithoutOne) {
  const auto far = roster("");
  const auto minted = far->sign_in(call(), "good");
  ASSERT_TRUE(minted) << minted.error().message;
  EXPECT_EQ(minted->secret, "ob_fresh");
  EXPECT_EQ(minted->info.id, 9U);
  EXPECT_EQ(minted->info.organisation, "acme");
  EXPECT_EQ(minted->info.principal, "ada");
  EXPECT_TRUE(minted->info.bound);
  EXPECT_EQ(minted->info.expires, Timestamp{10});
  const auto refused = far->sign_in(call(), "forged");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unauthenticated);
  EXPECT_EQ(refused.error().message, "not a good identity: sign in at the issuer again");
  EXPECT_EQ(far->groups(call(), "acme").error().code, Code::unauthenticated);
  EXPECT_EQ(roster("ob_stranger")->services(call(), "acme").error().code, Code::unauthenticated);
}

TEST_F(RosterWireTest, AServerWithoutThemSaysSo) {
  client::ChannelConfig config = channel();
  auto bare = client::GrpcRoster::open(config);
  ASSERT_TRUE(bare);
  EXPECT_EQ((*bare)->groups(call(), "acme").error().code, Code::unsupported);
  EXPECT_EQ((*bare)->sign_in(call(), "good").error().code, Code::unsupported);
}

}  // namespace
}  // namespace outboard::tests
