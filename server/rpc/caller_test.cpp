#include "server/rpc/caller.h"

#include <gtest/gtest.h>

namespace outboard::server {
namespace {

class OneToken final : public TokenReader {
 public:
  Result<Caller> read(std::string_view secret, Moment) override {
    if (secret == "ob_good") {
      Caller caller;
      caller.principal = "ada";
      return caller;
    }
    Error error;
    error.code = Code::unauthenticated;
    return error;
  }
};

Code code_for(const Metadata& metadata) {
  OneToken tokens;
  const auto call = read_call(metadata, Moment::max(), tokens);
  return call ? Code::corrupt : call.error().code;
}

TEST(CallerTest, ATokenAndAProcessMakeACaller) {
  OneToken tokens;
  const Uuid uuid = random_uuid();
  const std::string text = to_string(uuid);
  const auto call = read_call({{"authorization", "Bearer ob_good"}, {"outboard-client", text}},
                              Moment::max(), tokens);
  ASSERT_TRUE(call);
  EXPECT_EQ(call->caller.principal, "ada");
  EXPECT_EQ(call->caller.client.uuid, uuid);
}

TEST(CallerTest, AnythingElseIsRefused) {
  EXPECT_EQ(code_for({}), Code::unauthenticated);
  EXPECT_EQ(code_for({{"authorization", "ob_good"}}), Code::unauthenticated);
  EXPECT_EQ(code_for({{"authorization", "Bearer ob_bad"}}), Code::unauthenticated);
  EXPECT_EQ(code_for({{"authorization", "Bearer ob_good"}, {"authorization", "Bearer ob_good"}}),
            Code::unauthenticated);
  EXPECT_EQ(code_for({{"authorization", "Bearer ob_good"}, {"outboard-client", "me"}}),
            Code::invalid);
}

TEST(CallerTest, NoDeadlineIsLongerThanTheLongest) {
  using std::chrono::system_clock;
  const auto longest = std::chrono::milliseconds(60'000);
  const auto before = std::chrono::steady_clock::now();
  const Moment far = deadline_of(system_clock::time_point::max(), longest);
  EXPECT_LE(far, std::chrono::steady_clock::now() + longest);
  const Moment near = deadline_of(system_clock::now() + std::chrono::seconds(1), longest);
  EXPECT_LE(near, std::chrono::steady_clock::now() + std::chrono::seconds(1));
  EXPECT_LE(deadline_of(system_clock::now() - std::chrono::hours(1), longest), before);
}

}  // namespace
}  // namespace outboard::server
