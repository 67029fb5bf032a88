#include "fusefs/kernel/request_watch.h"

#include <gtest/gtest.h>

#include <future>
#include <string>

namespace outboard::fusefs {
namespace {

// [S9] What a request is stuck in may be what waking others needs, too.
TEST(RequestWatchTest, S9_AStuckRequestIsSeenWhileAWakeBlocks) {
  std::promise<void> waking;
  std::promise<void> let_go;
  std::promise<std::string> stuck;
  RequestWatch::Config config;
  config.stuck_after = kSignalPatience + 2 * kWatchInterval;  // the wake comes before
  config.on_given_up = [&] {
    waking.set_value();
    let_go.get_future().wait();
  };
  config.on_stuck = [&](const std::string& what) { stuck.set_value(what); };
  RequestWatch watch(config);
  const RequestWatch::Ticket request = watch.begin(0, Signals::deadly);
  watch.interrupted(*request);
  constexpr std::chrono::seconds kLong{10};
  auto woken = waking.get_future();
  EXPECT_EQ(woken.wait_for(kLong), std::future_status::ready);
  auto seen = stuck.get_future();
  EXPECT_EQ(seen.wait_for(kLong), std::future_status::ready);
  let_go.set_value();
  watch.end(request);
}

}  // namespace
}  // namespace outboard::fusefs
