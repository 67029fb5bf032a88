#include "client/retry.h"

#include <gtest/gtest.h>

namespace outboard::client {
namespace {

Error error_of(Code code, std::uint32_t retry_after_ms = 0) {
  Error error;
  error.code = code;
  error.retry_after_ms = retry_after_ms;
  return error;
}

TEST(Retry, WaitsDoubleUpToTheMaximum) {
  ManualClock clock;
  Retry retry(Moment::max(), 1);
  auto longest = kReconnectWaitMin;
  for (int i = 0; i < 20; ++i) {
    const auto wait = *retry.next(error_of(Code::unavailable), clock.now()) - clock.now();
    EXPECT_GE(wait, longest / 2);
    EXPECT_LE(wait, longest);
    longest = std::min<std::chrono::milliseconds>(longest * 2, kReconnectWaitMax);
  }
  retry.reset();
  EXPECT_LE(*retry.next(error_of(Code::unavailable), clock.now()) - clock.now(), kReconnectWaitMin);
}

TEST(Retry, OnlyUnavailableIsAskedAgain) {
  ManualClock clock;
  Retry retry(Moment::max(), 1);
  for (int i = 0; i <= static_cast<int>(Code::corrupt); ++i) {
    const auto code = static_cast<Code>(i);
    EXPECT_EQ(retry.next(error_of(code), clock.now()).has_value(), code == Code::unavailable);
  }
}

TEST(Retry, TheDeadlineEndsIt) {
  ManualClock clock;
  Retry retry(clock.now() + kReconnectWaitMin / 4, 1);
  EXPECT_FALSE(retry.next(error_of(Code::unavailable), clock.now()));
}

TEST(Retry, TheServersAdviceIsALowerBound) {
  ManualClock clock;
  Retry retry(Moment::max(), 1);
  const auto again = *retry.next(error_of(Code::unavailable, 700), clock.now());
  EXPECT_GE(again - clock.now(), std::chrono::milliseconds(700));
}

TEST(Retry, ClientsDoNotAskInStep) {
  ManualClock clock;
  Retry one(Moment::max(), 11);
  Retry two(Moment::max(), 29);
  bool apart = false;
  for (int i = 0; i < 5; ++i) {
    apart = apart || one.next(error_of(Code::unavailable), clock.now()) !=
                         two.next(error_of(Code::unavailable), clock.now());
  }
  EXPECT_TRUE(apart);
}

}  // namespace
}  // namespace outboard::client
