#include "fusefs/volume/sleep_watch.h"

#include <gtest/gtest.h>

namespace outboard::fusefs {
namespace {

// [S55] Each clock alone tells of a sleep; going on as clocks do tells of none.
TEST(SleepWatch, AnyClockThatHasGoneOnTellsOfASleep) {
  constexpr std::int64_t kLong = std::chrono::nanoseconds(kSleptAfter).count() + 1;
  for (std::size_t which = 0; which < 3; ++which) {
    std::array<std::atomic<std::int64_t>, 3> now{};
    std::atomic<int> reads = 0;
    SleepWatch watch([&] {
      ++reads;
      reads.notify_all();
      return SleepWatch::Clocks{now[0], now[1], now[2]};
    });
    EXPECT_FALSE(watch.slept());
    now[which] = kLong;
    EXPECT_TRUE(watch.slept());
    // Its thread looks with two reads each time; at the first of the next, what it saw is kept.
    const int before = reads;
    for (int seen = before; seen < before + 4; seen = reads) reads.wait(seen);
    EXPECT_FALSE(watch.slept()) << "it has looked";
    watch.stop();
    now[which] = 2 * kLong;
    EXPECT_FALSE(watch.slept()) << "it has ended";
  }
}

}  // namespace
}  // namespace outboard::fusefs
