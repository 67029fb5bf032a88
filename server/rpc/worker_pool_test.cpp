#include "server/rpc/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace outboard::server {
namespace {

TEST(WorkerPoolTest, AFullQueueSaysSo) {
  std::promise<void> entered;
  std::promise<void> leave;
  WorkerPool pool("test", 1, 2);
  ASSERT_TRUE(pool.post([&] {
    entered.set_value();
    leave.get_future().wait();
  }));
  entered.get_future().wait();
  EXPECT_TRUE(pool.post([] {}));
  EXPECT_TRUE(pool.post([] {}));
  EXPECT_FALSE(pool.post([] {}));
  leave.set_value();
}

TEST(WorkerPoolTest, StoppingRunsWhatIsQueuedAndTakesNoMore) {
  std::atomic<int> ran{0};
  WorkerPool pool("test", 2, 100);
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(pool.post([&] { ++ran; }));
  pool.stop();
  EXPECT_EQ(ran, 50);
  EXPECT_FALSE(pool.post([&] { ++ran; }));
}

}  // namespace
}  // namespace outboard::server
