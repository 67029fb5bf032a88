#include "server/shared_reads.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace outboard::server {
namespace {

constexpr VolumeId kVolume{1};
constexpr Seq kSeq{5};
constexpr std::chrono::seconds kLong{60};

Moment soon() {
  return std::chrono::steady_clock::now() + kLong;
}

SharedReads::Entries entries(std::size_t count) {
  return std::make_shared<const std::vector<Entry>>(count);
}

TEST(SharedReadsTest, TheFirstReadsAndAllGetItsAnswer) {
  SharedReads reads;
  const auto mine = reads.join(kVolume, kSeq, soon());
  ASSERT_TRUE(mine.first);
  std::vector<std::thread> waiting;
  std::vector<std::size_t> got(8);
  for (std::size_t& count : got) {
    const auto joined = reads.join(kVolume, kSeq, soon());
    ASSERT_FALSE(joined.first);
    waiting.emplace_back([&count, joined] {
      auto shared = joined.read->wait(soon());
      count = shared ? (*shared)->size() : 0;
    });
  }
  reads.end(kVolume, kSeq, entries(3));
  for (std::thread& thread : waiting) thread.join();
  EXPECT_EQ(got, std::vector<std::size_t>(8, 3));
}

TEST(SharedReadsTest, OtherTreesAreReadByThemselves) {
  SharedReads reads;
  EXPECT_TRUE(reads.join(kVolume, kSeq, soon()).first);
  EXPECT_TRUE(reads.join(kVolume, Seq{6}, soon()).first);
  EXPECT_TRUE(reads.join(VolumeId{2}, kSeq, soon()).first);
  reads.end(kVolume, kSeq, entries(1));
  EXPECT_TRUE(reads.join(kVolume, kSeq, soon()).first) << "the other has ended";
}

TEST(SharedReadsTest, AFailureIsToldAndTheNextMayTry) {
  SharedReads reads;
  reads.join(kVolume, kSeq, soon());
  const auto waits = reads.join(kVolume, kSeq, soon());
  reads.end(kVolume, kSeq, Error{Code::unavailable, "the database went away"});
  auto shared = waits.read->wait(soon());
  ASSERT_FALSE(shared);
  EXPECT_EQ(shared.error().code, Code::unavailable);
  EXPECT_TRUE(reads.join(kVolume, kSeq, soon()).first);
}

// Whoever reads goes on for those who have more time than it has itself.
TEST(SharedReadsTest, AReadLastsAsLongAsAnybodyWaits) {
  SharedReads reads;
  const Moment now = std::chrono::steady_clock::now();
  const auto mine = reads.join(kVolume, kSeq, now);
  EXPECT_EQ(mine.read->until(), now);
  const auto other = reads.join(kVolume, kSeq, now + kLong);
  reads.join(kVolume, kSeq, now);
  EXPECT_EQ(mine.read->until(), now + kLong);
  auto late = other.read->wait(now);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::timed_out);
}

}  // namespace
}  // namespace outboard::server
