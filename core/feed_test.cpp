#include "core/feed.h"

#include <gtest/gtest.h>

#include <thread>

namespace outboard {
namespace {

std::shared_ptr<FeedItem> item(std::uint64_t first, std::size_t count) {
  auto made = std::make_shared<FeedItem>();
  for (std::size_t i = 0; i < count; ++i) {
    Change change;
    change.seq = Seq{first + i};
    made->changes.push_back(change);
  }
  made->upto = Seq{first + count - 1};
  return made;
}

Moment far() {
  return SystemClock().now() + std::chrono::minutes(1);
}

TEST(FeedQueue, RefusesWhatIsTooMuchButTakesMarksAndEnds) {
  FeedQueue queue(10);
  EXPECT_TRUE(queue.offer(item(1, 8)));
  EXPECT_FALSE(queue.offer(item(9, 3)));
  EXPECT_TRUE(queue.offer(item(9, 2)));
  auto end = item(11, 0);
  end->end = FeedEnd::too_slow;
  EXPECT_TRUE(queue.offer(end));
  EXPECT_EQ(queue.next(far())->changes.size(), 8U);
  EXPECT_EQ(queue.next(far())->changes.size(), 2U);
  EXPECT_EQ(queue.next(far())->end, FeedEnd::too_slow);
}

TEST(FeedQueue, TakesOneLargeItemWhenEmpty) {
  FeedQueue queue(10);
  EXPECT_TRUE(queue.offer(item(1, 100)));
  EXPECT_EQ(queue.next(far())->upto, Seq{100});
}

TEST(FeedQueue, WaitsForItemsAndCanBeWoken) {
  FeedQueue queue;
  std::thread feeder([&] { queue.offer(item(1, 1)); });
  EXPECT_TRUE(queue.next(far()));
  feeder.join();
  std::thread waker([&] { queue.wake(); });
  EXPECT_FALSE(queue.next(far()));
  waker.join();
  EXPECT_FALSE(queue.next(SystemClock().now()));
}

}  // namespace
}  // namespace outboard
