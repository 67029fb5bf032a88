#include "server/oidc/oidc.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <thread>

#include "server/access_limits.h"
#include "server/oidc/signer.h"

namespace outboard::server::oidc {
namespace {

using Json = nlohmann::json;

class OidcTest : public ::testing::Test {
 protected:
  OidcTest() {
    char name[] = "/tmp/outboard-oidc-XXXXXX";
    const int fd = ::mkstemp(name);
    CHECK(fd >= 0);
    ::close(fd);
    path_ = name;
    config_.issuer = "https://id.acme.test";
    config_.audience = "outboard";
    config_.keys = path_;
    config_.organisation = "acme";
    publish(signer_.set());
  }
  ~OidcTest() override { ::unlink(path_.c_str()); }

  void publish(const std::string& set) { std::ofstream(path_, std::ios::trunc) << set; }
  std::int64_t now_s() const { return clock_.wall().nanoseconds / 1'000'000'000; }
  Json claims() const {
    return {{"iss", "https://id.acme.test"}, {"aud", "outboard"},    {"sub", "77"},
            {"preferred_username", "ada"},   {"exp", now_s() + 300}, {"nbf", now_s()}};
  }
  Json with(const char* name, Json value) const {
    Json changed = claims();
    changed[name] = std::move(value);
    return changed;
  }
  Json without(const char* name) const {
    Json changed = claims();
    changed.erase(name);
    return changed;
  }
  std::unique_ptr<Oidc> open() {
    auto opened = Oidc::open(config_, clock_,
                             [this](const std::string& organisation, const std::string& user,
                                    bool create, std::chrono::seconds life,
                                    Moment) { return mint(organisation, user, create, life); });
    EXPECT_TRUE(opened) << opened.error().message;
    return *std::move(opened);
  }
  Result<MintedToken> mint(const std::string& organisation, const std::string& user, bool create,
                           std::chrono::seconds life) {
    if (!create && user != "ada") return Error{Code::not_found, "there is no such user"};
    MintedToken minted;
    minted.info.organisation = organisation;
    minted.info.principal = user;
    minted.info.expires.nanoseconds = life.count();
    minted.secret = "ob_signed_in";
    return minted;
  }
  static Moment soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(30); }
  // The user signed in, or why not.
  static std::string sign_in(Oidc& oidc, const std::string& token) {
    auto minted = oidc.sign_in(token, soon());
    if (minted) return minted->info.principal;
    EXPECT_EQ(minted.error().code, Code::unauthenticated);
    return minted.error().message;
  }
  std::string said(const Json& of) { return sign_in(*open(), signer_.sign(of)); }
  static bool says(const std::string& message, std::string_view words) {
    return message.find(words) != std::string::npos;
  }

  ManualClock clock_;
  std::string path_;
  SignInConfig config_;
  Signer signer_{"k1", "RS256"};
};

TEST_F(OidcTest, AGoodTokenIsItsUsers) {
  EXPECT_EQ(said(claims()), "ada");
  EXPECT_EQ(said(with("aud", Json::array({"other", "outboard"}))), "ada");
  EXPECT_EQ(said(without("nbf")), "ada");
}

TEST_F(OidcTest, EllipticKeysSignToo) {
  const Signer elliptic("e1", "ES256");
  publish(Json{{"keys", {signer_.key(), elliptic.key()}}}.dump());
  const auto oidc = open();
  EXPECT_EQ(sign_in(*oidc, elliptic.sign(claims())), "ada");
  EXPECT_EQ(sign_in(*oidc, signer_.sign(claims())), "ada");
  // A key is good for its own algorithm only.
  const auto mixed = elliptic.sign(claims(), {{"alg", "RS256"}, {"kid", "e1"}});
  EXPECT_TRUE(says(sign_in(*oidc, mixed), "was not signed"));
}

TEST_F(OidcTest, EachClaimIsLookedAt) {
  EXPECT_TRUE(says(said(with("iss", "https://evil.test")), "not of the issuer"));
  EXPECT_TRUE(says(said(with("aud", "others")), "not for outboard"));
  EXPECT_TRUE(says(said(without("aud")), "not for outboard"));
  EXPECT_TRUE(says(said(with("exp", now_s() - 61)), "has expired"));
  EXPECT_EQ(said(with("exp", now_s() - 59)), "ada");  // clocks differ a little
  EXPECT_TRUE(says(said(without("exp")), "until when"));
  EXPECT_TRUE(says(said(with("exp", "tomorrow")), "until when"));
  EXPECT_TRUE(says(said(with("nbf", now_s() + 61)), "not valid yet"));
  EXPECT_TRUE(says(said(without("preferred_username")), "no claim preferred_username"));
  EXPECT_TRUE(says(said(with("preferred_username", 7)), "no claim preferred_username"));
}

TEST_F(OidcTest, ForgedOnesAreRefused) {
  const auto oidc = open();
  const Signer stranger("k1", "RS256");  // of the same name
  EXPECT_TRUE(says(sign_in(*oidc, stranger.sign(claims())), "was not signed"));
  std::string changed = signer_.sign(claims());
  const std::string eve = to_base64url(with("preferred_username", "eve").dump());
  const std::size_t first = changed.find('.');
  changed.replace(first + 1, changed.rfind('.') - first - 1, eve);
  EXPECT_TRUE(says(sign_in(*oidc, changed), "was not signed"));
  const std::string bare =
      to_base64url(Json{{"alg", "none"}}.dump()) + "." + to_base64url(claims().dump()) + ".";
  EXPECT_TRUE(says(sign_in(*oidc, bare), "was not signed"));
  const auto critical = signer_.sign(claims(), {{"alg", "RS256"}, {"kid", "k1"}, {"crit", {"x"}}});
  EXPECT_TRUE(says(sign_in(*oidc, critical), "rules"));
  for (const char* rubbish : {"", "a.b", "a.b.c", "a.b.c.d", "....", "ob_0123"}) {
    EXPECT_TRUE(says(sign_in(*oidc, rubbish), "is no JWT")) << rubbish;
  }
  EXPECT_TRUE(says(sign_in(*oidc, std::string(kIdTokenBytesMax + 1, 'a')), "the limit is"));
}

TEST_F(OidcTest, UnknownUsersAreRefusedOrMade) {
  EXPECT_TRUE(says(said(with("preferred_username", "bob")), "there is no user bob"));
  EXPECT_TRUE(says(said(with("preferred_username", "Bob Builder")), "is no name"));
  config_.create_users = true;
  EXPECT_EQ(said(with("preferred_username", "bob")), "bob");
}

TEST_F(OidcTest, AnAddressIsItsFirstPartAtHome) {
  config_.user_claim = "email";
  config_.email_domain = "acme.test";
  EXPECT_EQ(said(with("email", "ada@acme.test")), "ada");
  EXPECT_TRUE(says(said(with("email", "ada@evil.test")), "not at acme.test"));
  EXPECT_TRUE(says(said(with("email", "ada@evil.test@acme.test")), "is no name"));
  Json unverified = with("email", "ada@acme.test");
  unverified["email_verified"] = false;
  EXPECT_TRUE(says(said(unverified), "not verified"));
}

TEST_F(OidcTest, ANewKeyIsFoundAndAnOldOneForgotten) {
  const auto oidc = open();
  const Signer next("k2", "RS256");
  publish(next.set());
  clock_.advance(kKeySetPause);
  EXPECT_EQ(sign_in(*oidc, next.sign(claims())), "ada");
  EXPECT_TRUE(says(sign_in(*oidc, signer_.sign(claims())), "was not signed"));
}

// A stranger's tokens must not make us ask the issuer again and again.
TEST_F(OidcTest, UnknownKeysAreNotLookedForAllTheTime) {
  const auto oidc = open();
  const Signer next("k2", "RS256");
  publish(next.set());
  EXPECT_TRUE(says(sign_in(*oidc, next.sign(claims())), "was not signed"));
  clock_.advance(kKeySetPause);
  EXPECT_EQ(sign_in(*oidc, next.sign(claims())), "ada");
}

TEST_F(OidcTest, KnownKeysStayGoodWhileTheIssuerIsAway) {
  const auto oidc = open();
  ASSERT_EQ(::unlink(path_.c_str()), 0);
  clock_.advance(kKeySetLife * 2);
  EXPECT_EQ(sign_in(*oidc, signer_.sign(claims())), "ada");
}

TEST_F(OidcTest, AWrongConfigurationIsToldAtTheStart) {
  const auto opened = [&] {
    auto oidc = Oidc::open(config_, clock_, {});
    return oidc ? std::string("opened") : oidc.error().message;
  };
  publish("{}");
  EXPECT_TRUE(says(opened(), "no set of keys"));
  publish(R"({"keys":[{"kty":"oct","k":"c2VjcmV0"}]})");
  EXPECT_TRUE(says(opened(), "none of the issuer's keys"));
  config_.keys = "http://id.acme.test/jwks.json";
  EXPECT_TRUE(says(opened(), "use https"));
  config_.keys = "/nowhere/at/all";
  EXPECT_TRUE(says(opened(), "cannot be read"));
  config_.audience.clear();
  EXPECT_TRUE(says(opened(), "needs an audience"));
}

// One answer over loopback, as an issuer gives it.
TEST_F(OidcTest, KeysAreReadFromAnAddress) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* any = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(listener, any, size), 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  ASSERT_EQ(::getsockname(listener, any, &size), 0);
  std::thread issuer([&] {
    const int peer = ::accept(listener, nullptr, nullptr);
    char request[4'096];
    EXPECT_GT(::read(peer, request, sizeof(request)), 0);
    const std::string set = signer_.set();
    const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(set.size()) +
                               "\r\nConnection: close\r\n\r\n" + set;
    EXPECT_EQ(::write(peer, answer.data(), answer.size()), static_cast<ssize_t>(answer.size()));
    ::close(peer);
  });
  config_.keys = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/jwks.json";
  const auto oidc = open();
  issuer.join();
  ::close(listener);
  EXPECT_EQ(sign_in(*oidc, signer_.sign(claims())), "ada");
}

}  // namespace
}  // namespace outboard::server::oidc
