#include "core/cancellation.h"

#include <gtest/gtest.h>

#include <thread>

namespace outboard {
namespace {

TEST(CancellationTest, HooksRunOnceAndTooLateOnesAtOnce) {
  const auto given_up = std::make_shared<Cancellation>();
  int early = 0;
  int gone = 0;
  int late = 0;
  const Cancellation::Hook first(given_up, [&] { ++early; });
  {
    const Cancellation::Hook second(given_up, [&] { ++gone; });
  }
  EXPECT_FALSE(given_up->requested());
  given_up->request();
  given_up->request();
  const Cancellation::Hook third(given_up, [&] { ++late; });
  EXPECT_TRUE(given_up->wait_until(Moment::max()));
  EXPECT_EQ(early, 1);
  EXPECT_EQ(gone, 0);
  EXPECT_EQ(late, 1);
}

TEST(CancellationTest, WithoutOneNothingRuns) {
  bool run = false;
  {
    const Cancellation::Hook hook(nullptr, [&] { run = true; });
  }
  EXPECT_FALSE(run);
}

TEST(CancellationTest, AHookEndsOnlyAfterItsFunction) {
  const auto given_up = std::make_shared<Cancellation>();
  Cancellation entered;
  Cancellation go_on;
  std::atomic<bool> finished = false;
  auto hook = std::make_unique<Cancellation::Hook>(given_up, [&] {
    entered.request();
    go_on.wait_until(Moment::max());
    finished = true;
  });
  std::thread requester([&] { given_up->request(); });
  entered.wait_until(Moment::max());
  std::thread helper([&] { go_on.request(); });
  hook.reset();
  EXPECT_TRUE(finished);
  requester.join();
  helper.join();
}

}  // namespace
}  // namespace outboard
