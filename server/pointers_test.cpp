#include "server/pointers.h"

#include <gtest/gtest.h>

#include <functional>

namespace outboard::server {
namespace {

constexpr VolumeId kVolume{1};

Pointer reviewed(std::uint64_t seq) {
  return {VolumeMode::reviewed, Seq{seq}};
}

class FakeReader final : public RevisionReader {
 public:
  Result<Pointer> pointer(VolumeId, Moment) override {
    ++asked;
    const Pointer answer = now;
    if (meanwhile) std::exchange(meanwhile, nullptr)();
    return answer;
  }
  Result<Seq> seq_of(VolumeId, std::string_view, Moment, Seq) override { return Seq{}; }
  Result<std::vector<Version>> visible(VolumeId, const std::vector<ContentKey>&, Seq,
                                       Moment) override {
    return std::vector<Version>{};
  }

  Pointer now = reviewed(5);
  std::function<void()> meanwhile;  // happens between the read and its answer
  int asked = 0;
};

class PointersTest : public ::testing::Test {
 protected:
  Pointer of() { return *pointers_.of(kVolume, std::chrono::steady_clock::now() + 60s); }
  FakeReader reader_;
  Pointers pointers_{reader_};
};

TEST_F(PointersTest, OneIsReadOnceAndThenMovedByNews) {
  EXPECT_FALSE(pointers_.known(kVolume));
  EXPECT_EQ(of(), reviewed(5));
  EXPECT_EQ(of(), reviewed(5));
  EXPECT_EQ(reader_.asked, 1);
  pointers_.moved(kVolume, reviewed(9));
  EXPECT_EQ(of(), reviewed(9));
  EXPECT_EQ(reader_.asked, 1);
}

TEST_F(PointersTest, S33_ItNeverGoesBack) {
  pointers_.moved(kVolume, reviewed(9));
  pointers_.moved(kVolume, reviewed(7));
  EXPECT_EQ(of(), reviewed(9));
  pointers_.moved(kVolume, {VolumeMode::direct, Seq{}});
  EXPECT_EQ(of().mode, VolumeMode::direct);
}

TEST_F(PointersTest, ALoadThatNewsOvertookIsNotKept) {
  reader_.meanwhile = [this] {
    pointers_.moved(kVolume, {VolumeMode::direct, Seq{}});
    reader_.now = {VolumeMode::direct, Seq{}};
  };
  EXPECT_EQ(of().mode, VolumeMode::direct) << "not what was read before it";
}

TEST_F(PointersTest, DoubtReadsAnew) {
  of();
  reader_.now = reviewed(8);
  pointers_.doubt();
  EXPECT_EQ(pointers_.known(kVolume), reviewed(5));
  EXPECT_EQ(of(), reviewed(8));
  EXPECT_EQ(reader_.asked, 2);
}

}  // namespace
}  // namespace outboard::server
