#include "server/committer.h"

#include <gtest/gtest.h>

#include <future>

namespace outboard::server {
namespace {

// Commits whatever comes, a group at a time when let; a batch numbered 13 is bad, 7 is blocked.
class FakeWriter final : public GroupWriter {
 public:
  struct Shared {
    Mutex mutex;
    Condition changed;
    bool open GUARDED_BY(mutex) = true;
    bool row_locked GUARDED_BY(mutex) = false;
    std::vector<std::size_t> groups GUARDED_BY(mutex);
  };
  explicit FakeWriter(Shared& shared) : shared_(shared) {}

  GroupEnd commit(VolumeId, const std::vector<PendingWrite*>& group,
                  std::chrono::milliseconds) override {
    Lock lock(shared_.mutex);
    shared_.groups.push_back(group.size());
    shared_.changed.notify_all();
    while (!shared_.open) shared_.changed.wait(shared_.mutex);
    for (const PendingWrite* write : group) {
      if (write->batch.acknowledged == 7 && shared_.row_locked) return GroupEnd::blocked;
      if (write->batch.acknowledged == 13 && group.size() > 1) return GroupEnd::spoiled;
    }
    for (PendingWrite* write : group) {
      write->answer = Applied{Seq{1}, Seq{write->batch.acknowledged}, {}, false};
      if (write->batch.acknowledged == 13) write->answer = Error{Code::invalid, "bad"};
    }
    return GroupEnd::answered;
  }

 private:
  Shared& shared_;
};

class CommitterTest : public ::testing::Test {
 protected:
  CommitterTest() {
    std::vector<std::unique_ptr<GroupWriter>> writers;
    writers.push_back(std::make_unique<FakeWriter>(shared_));
    committer_ = std::make_unique<Committer>(std::move(writers));
  }
  static Moment soon(std::chrono::milliseconds in = 60s) {
    return std::chrono::steady_clock::now() + in;
  }
  std::future<Result<Applied>> apply(std::uint64_t number, Moment deadline = soon()) {
    return std::async(std::launch::async, [this, number, deadline] {
      return committer_->apply(internal_call(deadline), VolumeId{1}, Batch{{}, number, {}});
    });
  }
  void set_open(bool open) {
    Lock lock(shared_.mutex);
    shared_.open = open;
    shared_.changed.notify_all();
  }
  void set_row_locked(bool locked) {
    Lock lock(shared_.mutex);
    shared_.row_locked = locked;
  }
  void wait_for_groups(std::size_t count) {
    Lock lock(shared_.mutex);
    while (shared_.groups.size() < count) shared_.changed.wait(shared_.mutex);
  }

  FakeWriter::Shared shared_;
  std::unique_ptr<Committer> committer_;
};

TEST_F(CommitterTest, EachCallerGetsItsOwnAnswer) {
  auto one = apply(1);
  auto two = apply(2);
  EXPECT_EQ(one.get()->last, Seq{1});
  EXPECT_EQ(two.get()->last, Seq{2});
}

TEST_F(CommitterTest, ABadBatchSpoilsOnlyItself) {
  set_open(false);
  auto first = apply(1);
  wait_for_groups(1);
  auto bad = apply(13);
  auto good = apply(2);
  set_open(true);
  EXPECT_TRUE(first.get());
  EXPECT_EQ(bad.get().error().code, Code::invalid);
  EXPECT_TRUE(good.get());
}

TEST_F(CommitterTest, ABlockedBatchHoldsUpNobodyAndEndsWhenItsRowIsFree) {
  set_row_locked(true);
  auto blocked = apply(7);
  for (std::uint64_t i = 20; i < 40; ++i) EXPECT_TRUE(apply(i).get());
  set_row_locked(false);
  committer_->poke(VolumeId{1});
  EXPECT_TRUE(blocked.get());
}

TEST_F(CommitterTest, ABlockedBatchSaysSoAtItsDeadline) {
  set_row_locked(true);
  auto blocked = apply(7, soon(50ms)).get();
  ASSERT_FALSE(blocked);
  EXPECT_EQ(blocked.error().code, Code::timed_out);
}

TEST_F(CommitterTest, ADeadlineInFlightIsInDoubtAndSaysSo) {
  set_open(false);
  auto late = apply(1, soon(10ms)).get();
  set_open(true);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::timed_out);
  EXPECT_NE(late.error().message.find("same request id"), std::string::npos);
}

}  // namespace
}  // namespace outboard::server
