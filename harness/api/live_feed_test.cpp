#include "harness/api/live_feed.h"

#include <gtest/gtest.h>

namespace outboard::harness {
namespace {

const SessionId kSession{*parse_uuid("11111111-2222-4333-8444-555555555555")};
const OpId kOp{*parse_uuid("22222222-2222-4333-8444-555555555555")};

TEST(LiveFeed, WhoeverListensIsPokedAndHears) {
  LiveFeed live;
  int pokes = 0;
  const auto ear = live.listen(kSession, [&] { ++pokes; });
  live.on_text(kSession, 1, "a");
  live.on_text(SessionId{random_uuid()}, 1, "another's");
  EXPECT_EQ(pokes, 1);
  EXPECT_EQ(ear->take(), (std::vector<LivePart>{{LiveKind::text, 1, {}, 0, "a"}}));
  EXPECT_TRUE(ear->take().empty());
}

TEST(LiveFeed, WhoComesInTheMiddleHearsTheTurnSoFar) {
  LiveFeed live;
  live.on_text(kSession, 1, "an old turn");
  live.on_text(kSession, 2, "I l");
  live.on_text(kSession, 2, "ook.");
  live.on_output(kSession, kOp, 0, "one\n");
  live.on_output(kSession, kOp, 4, "two\n");
  const auto ear = live.listen(kSession, [] {});
  EXPECT_EQ(ear->take(), (std::vector<LivePart>{{LiveKind::text, 2, {}, 0, "I look."},
                                                {LiveKind::output, 0, kOp, 0, "one\ntwo\n"}}));
}

TEST(LiveFeed, WhatIsDroppedOrOverIsNotToldToLatecomers) {
  LiveFeed live;
  live.on_text(kSession, 1, "half");
  live.on_dropped(kSession, 1);
  EXPECT_TRUE(live.listen(kSession, [] {})->take().empty());
  live.on_text(kSession, 1, "again");
  live.forget(kSession);
  EXPECT_TRUE(live.listen(kSession, [] {})->take().empty());
}

TEST(LiveFeed, AFullEarForgetsAndSaysThatTheTurnIsVoid) {
  LiveFeed live;
  const auto ear = live.listen(kSession, [] {});
  const std::string big(1U << 20U, 'x');
  for (int i = 0; i < 5; ++i) live.on_text(kSession, 7, big);
  const auto heard = ear->take();
  ASSERT_EQ(heard.size(), 1U);
  EXPECT_EQ(heard[0], (LivePart{LiveKind::dropped, 7, {}, 0, {}}));
}

TEST(LiveFeed, OfALongOutputALatecomerHearsTheEnd) {
  LiveFeed live;
  const std::string part(100'000, 'x');
  for (std::uint64_t i = 0; i < 5; ++i) live.on_output(kSession, kOp, i * part.size(), part);
  const auto heard = live.listen(kSession, [] {})->take();
  ASSERT_EQ(heard.size(), 1U);
  EXPECT_EQ(heard[0].offset + heard[0].bytes.size(), 500'000U);
  EXPECT_GT(heard[0].offset, 0U);
}

}  // namespace
}  // namespace outboard::harness
