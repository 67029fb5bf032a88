#include "core/counters.h"

#include <gtest/gtest.h>

#include <thread>

namespace outboard {
namespace {

TEST(Counters, ASpreadCountsUpToItsBoundsAndBeyond) {
  Spread sizes(1);
  for (const double value : {1.0, 2.0, 3.0, 4.0, 1e9}) sizes.observe(value);
  EXPECT_EQ(sizes.at_most(0), 1U);
  EXPECT_EQ(sizes.at_most(1), 2U);
  EXPECT_EQ(sizes.at_most(2), 4U);
  EXPECT_EQ(sizes.at_most(Spread::kBounds - 1), 4U);
  EXPECT_EQ(sizes.count(), 5U);
  EXPECT_EQ(sizes.sum(), 1e9 + 10);
}

TEST(Counters, NothingIsLostBetweenThreads) {
  Counter counter;
  Spread spread(1);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 10'000; ++k) {
        counter.add();
        spread.observe(2);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(counter.value(), 40'000U);
  EXPECT_EQ(spread.count(), 40'000U);
  EXPECT_EQ(spread.sum(), 80'000);
}

TEST(Counters, FiguresSayWhatTheyAre) {
  Spread spread(kDurationBoundMin);
  spread.observe(0.001);
  Figures figures;
  figures.count("a_total", "A.", 3, {{"code", "conflict"}});
  figures.spread("b_seconds", "B.", spread);
  ASSERT_EQ(figures.all().size(), 2U);
  EXPECT_EQ(figures.all()[0].value, 3);
  EXPECT_EQ(figures.all()[0].labels[0].second, "conflict");
  EXPECT_EQ(figures.all()[1].buckets.size(), Spread::kBounds);
  EXPECT_EQ(figures.all()[1].spread_count, 1U);
}

}  // namespace
}  // namespace outboard
