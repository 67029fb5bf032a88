#include "server/committer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <future>
#include <thread>

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
  CommitterTest() { make(1); }
  void make(int threads) {
    std::vector<std::unique_ptr<GroupWriter>> writers;
    for (int i = 0; i < threads; ++i) writers.push_back(std::make_unique<FakeWriter>(shared_));
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
  // Without a thread that waits for it.
  std::future<Result<Applied>> submit(std::uint64_t number, Moment deadline = soon()) {
    auto answer = std::make_shared<std::promise<Result<Applied>>>();
    committer_->submit(
        internal_call(deadline), VolumeId{1}, Batch{{}, number, {}},
        [answer](Result<Applied> applied) { answer->set_value(std::move(applied)); });
    return answer->get_future();
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

// [S17] Each answer brings the next write, before its group's thread looks for work again: the
// queue is never empty.
TEST_F(CommitterTest, ABlockedBatchHasItsTurnWhereOthersNeverPause) {
  set_row_locked(true);
  auto blocked = apply(7);
  wait_for_groups(1);
  std::atomic<bool> enough = false;
  std::atomic<std::size_t> open = 0;
  std::function<void()> go_on = [&] {
    if (enough) return;
    ++open;
    committer_->submit(internal_call(soon()), VolumeId{1}, Batch{{}, 20, {}},
                       [&](const Result<Applied>&) {
                         go_on();
                         --open;
                       });
  };
  for (std::size_t i = 0; i < 2 * kGroupBatchesMax; ++i) go_on();
  set_row_locked(false);
  committer_->poke(VolumeId{1});
  EXPECT_EQ(blocked.wait_for(10s), std::future_status::ready);
  enough = true;
  while (open > 0) std::this_thread::yield();
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

TEST_F(CommitterTest, WhoeverWaitsIsTheNextGroupWithoutAThreadForEach) {
  set_open(false);
  std::vector<std::future<Result<Applied>>> answers;
  answers.push_back(submit(100));
  wait_for_groups(1);
  for (std::uint64_t i = 101; i < 200; ++i) answers.push_back(submit(i));
  set_open(true);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    EXPECT_EQ(answers[i].get()->last, Seq{100 + i});
  }
  Lock lock(shared_.mutex);
  EXPECT_EQ(shared_.groups, (std::vector<std::size_t>{1, 99}));
}

TEST_F(CommitterTest, TheNextGroupDoesNotWaitForTheLastOnesAnswers) {
  make(2);
  std::promise<void> second_answered;
  std::promise<void> first_told;
  committer_->submit(internal_call(soon()), VolumeId{1}, Batch{{}, 1, {}}, [&](Result<Applied>) {
    second_answered.get_future().wait();
    first_told.set_value();
  });
  EXPECT_TRUE(apply(2).get());
  second_answered.set_value();
  first_told.get_future().wait();
}

TEST_F(CommitterTest, ASubmittedBatchThatWaitedTooLongIsNotWritten) {
  set_open(false);
  auto first = submit(1);
  wait_for_groups(1);
  auto late = submit(2, std::chrono::steady_clock::now());
  set_open(true);
  EXPECT_TRUE(first.get());
  const auto answer = late.get();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::timed_out);
  EXPECT_NE(answer.error().message.find("nothing of it was written"), std::string::npos);
  Lock lock(shared_.mutex);
  EXPECT_EQ(shared_.groups.size(), 1U);
}

TEST_F(CommitterTest, ASubmittedBatchThatIsBlockedSaysSoAtItsDeadline) {
  set_row_locked(true);
  const auto answer = submit(7, soon(50ms)).get();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::timed_out);
  EXPECT_NE(answer.error().message.find("SQL transaction"), std::string::npos);
}

}  // namespace
}  // namespace outboard::server
