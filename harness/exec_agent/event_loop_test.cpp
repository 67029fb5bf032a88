#include "harness/exec_agent/event_loop.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

namespace outboard::harness {
namespace {

TEST(EventLoop, DueCallbacksRunInOrderOfTheirMoments) {
  ManualClock clock;
  EventLoop loop(clock);
  std::string order;
  loop.at(clock.now() + std::chrono::hours(2), [&] { order += "2"; });
  loop.at(clock.now() + std::chrono::hours(1), [&] {
    order += "1";
    clock.advance(std::chrono::hours(1));
    loop.post([&] { order += "p"; });
  });
  loop.at(clock.now() + std::chrono::hours(2), [&] {
    order += "e";
    loop.stop();
  });
  clock.advance(std::chrono::hours(1));
  loop.run();
  EXPECT_EQ(order, "1p2e");
}

TEST(EventLoop, ReadableDescriptorCallsUntilItRemovesItself) {
  const SystemClock clock;
  EventLoop loop(clock);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  std::string seen;
  loop.add(ends[0], [&] {
    char byte = 0;
    if (::read(ends[0], &byte, 1) == 1) {
      seen += byte;
      return;
    }
    loop.remove(ends[0]);
    loop.stop();
  });
  ASSERT_EQ(::write(ends[1], "abc", 3), 3);
  ::close(ends[1]);
  loop.run();
  EXPECT_EQ(seen, "abc");
  ::close(ends[0]);
}

}  // namespace
}  // namespace outboard::harness
