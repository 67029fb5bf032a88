#include "tests/wire/house.h"

namespace outboard::tests {
namespace {

TEST_F(WireHouse, AdminQuestionsAndAnswersCrossUnchanged) {
  auto connected = client::GrpcAdmin::connect(channel(), soon());
  ASSERT_TRUE(connected) << connected.error().message;
  Admin& admin = **connected;
  EXPECT_EQ(admin.create_organisation(call(), "acme")->name, "acme");
  EXPECT_EQ(admin.organisations(call())->at(0).name, "ada");  // the caller, as the server sees it
  EXPECT_EQ(admin.create_user(call(), "acme", "bob")->name, "bob");
  EXPECT_EQ(admin.users(call(), "acme")->size(), 2U);
  const VolumeSettings settings{Policy::refuse, true, 1 << 20, 99};
  const auto volume = admin.create_volume(call(), "acme/memory", settings);
  ASSERT_TRUE(volume);
  EXPECT_EQ(*volume, *admin_.create_volume(call(), "acme/memory", settings));
  EXPECT_EQ(*admin.change_volume(call(), "acme/memory", settings), *volume);
  EXPECT_EQ(admin.volumes(call(), "acme")->at(0).name, "acme/skills");

  TokenRequest request;
  request.organisation = "acme";
  request.principal = "ada";
  request.grants = {{"acme/*", "/", true}, {"acme/skills", "/", false}};
  request.admin = true;
  request.life = std::chrono::hours(3);
  request.session.uuid = random_uuid();
  request.epoch = Epoch{4};
  request.generation = Generation{5};
  const auto minted = admin.mint_token(call(), request);
  const auto expected = admin_.mint_token(call(), request);
  ASSERT_TRUE(minted);
  EXPECT_EQ(minted->secret, expected->secret);
  EXPECT_EQ(minted->info.grants.size(), 2U);
  EXPECT_TRUE(minted->info.grants.at(0).write);
  EXPECT_EQ(minted->info.expires, expected->info.expires);
  EXPECT_TRUE(admin.revoke_token(call(), 3));
  EXPECT_EQ(admin.revoke_token(call(), 4).error().code, Code::not_found);
  EXPECT_TRUE(admin.tokens(call(), "acme")->at(0).revoked);
}

}  // namespace
}  // namespace outboard::tests
