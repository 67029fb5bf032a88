#include "server/rates.h"

#include <gtest/gtest.h>

namespace outboard::server {
namespace {

using namespace std::chrono_literals;

Caller somebody(std::string name) {
  Caller caller;
  caller.token = 1;
  caller.organisation = 1;
  caller.principal = std::move(name);
  return caller;
}

std::size_t admitted(Rates& rates, const Caller& caller, std::size_t tries) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < tries; ++i) count += rates.admit(caller) ? 1 : 0;
  return count;
}

TEST(RatesTest, ABurstThenTheRate) {
  ManualClock clock;
  Rates rates({.requests = 100}, clock);
  const Caller ada = somebody("ada");
  EXPECT_EQ(admitted(rates, ada, 1'000), 200U);
  const auto refused = rates.admit(ada);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unavailable);
  EXPECT_EQ(refused.error().retry_after_ms, 10U);
  clock.advance(10ms);
  EXPECT_EQ(admitted(rates, ada, 10), 1U);
  clock.advance(1h);
  EXPECT_EQ(admitted(rates, ada, 1'000), 200U);
}

TEST(RatesTest, EachPrincipalHasItsOwn) {
  ManualClock clock;
  Rates rates({.requests = 1}, clock);
  EXPECT_EQ(admitted(rates, somebody("ada"), 10), 2U);
  EXPECT_EQ(admitted(rates, somebody("bob"), 10), 2U);
  Caller other = somebody("ada");
  other.organisation = 2;
  EXPECT_EQ(admitted(rates, other, 10), 2U);
}

TEST(RatesTest, BytesAreWaitedForAfterTheyWereHad) {
  ManualClock clock;
  Rates rates({.bytes = 1'000}, clock);
  const Caller ada = somebody("ada");
  EXPECT_TRUE(rates.admit(ada));
  rates.count(ada, 5'000);  // one large answer; two seconds' worth were there
  const auto refused = rates.admit(ada);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().retry_after_ms, 3'000U);
  clock.advance(3s);
  EXPECT_TRUE(rates.admit(ada));
}

TEST(RatesTest, AdministratorsAndTheSiteAreNotLimited) {
  ManualClock clock;
  Rates rates({.requests = 1}, clock);
  Caller admin = somebody("root");
  admin.admin = true;
  EXPECT_EQ(admitted(rates, admin, 100), 100U);
  Caller site = somebody("site");
  site.organisation = 0;
  EXPECT_EQ(admitted(rates, site, 100), 100U);
}

}  // namespace
}  // namespace outboard::server
