#include "harness/journal/memory_journal.h"

#include <gtest/gtest.h>

#include <thread>

#include "harness/session/limits.h"

namespace outboard::harness {
namespace {

struct Quiet final : WorkSink {
  void on_runnable() override {}
  void on_lost(SessionId) override {}
  void on_inbox(SessionId) override {}
};

class MemoryJournals : public ::testing::Test {
 protected:
  MemoryJournals() { EXPECT_FALSE(journal_.create({id_, "1", {}}, {})->existed); }

  SessionInfo claim() {
    const auto claimed = journal_.claim("w", {}, 1, {});
    EXPECT_EQ(claimed->size(), 1U);
    return claimed->empty() ? SessionInfo{} : claimed->front();
  }
  Result<Appended> append(Epoch epoch, std::uint64_t after, std::vector<Draft> drafts) {
    return journal_.append({id_, epoch, after, 1, std::move(drafts), {}, {}}, {});
  }
  Draft draft(Uuid inbox = {}) { return {UserMessage{"ada", Body::of("hello")}, inbox}; }
  InboxItem item() { return {random_uuid(), "ada", {}, std::string("hello")}; }

  ManualClock clock_;
  MemoryJournal journal_{clock_};
  const SessionId id_{random_uuid()};
};

TEST_F(MemoryJournals, CreatedTwiceIsCreatedOnce) {
  EXPECT_TRUE(journal_.create({id_, "1", {}}, {})->existed);
  EXPECT_EQ(journal_.create({}, {}).error().code, Code::invalid);
  EXPECT_EQ(journal_.describe(SessionId{random_uuid()}, {}).error().code, Code::not_found);
}

TEST_F(MemoryJournals, SeqsHaveNoGapsAndAHigherEpochShutsOutTheLower) {
  const Epoch first = claim().epoch;
  EXPECT_EQ(append(first, 0, {draft(), draft()})->last, 2U);
  EXPECT_EQ(append(first, 0, {draft()}).error().code, Code::conflict);  // sent again
  EXPECT_EQ(journal_.claim("v", {}, 1, {})->size(), 0U);                // the lease holds
  clock_.advance(kLease);
  const Epoch second = claim().epoch;
  EXPECT_GT(second, first);
  EXPECT_EQ(append(first, 2, {draft()}).error().code, Code::fenced);
  EXPECT_EQ(journal_.release({id_, first, SessionPhase::finished, 0, ""}, {}).error().code,
            Code::fenced);
  EXPECT_EQ(append(second, 2, {draft()})->first, 3U);
  std::uint64_t seq = 0;
  EXPECT_TRUE(journal_.replay(id_, 0,
                              [&](const Record& record) {
                                EXPECT_EQ(record.seq, ++seq);
                                EXPECT_EQ(record.actor, "user:ada");
                                return true;
                              },
                              {}));
  EXPECT_EQ(seq, 3U);
}

TEST_F(MemoryJournals, AnAppendHappensWholeOrNotAtAll) {
  const Epoch epoch = claim().epoch;
  const Draft big{UserMessage{"ada", Body::of(std::string(9'000, 'x'))}, {}};
  EXPECT_EQ(append(epoch, 0, {draft(), big}).error().code, Code::too_big);
  EXPECT_EQ(append(epoch, 0, {}).error().code, Code::invalid);
  EXPECT_EQ(journal_.describe(id_, {})->head, 0U);
}

TEST_F(MemoryJournals, AnInboxItemIsPostedOnceAndTakenUpOnce) {
  const Epoch epoch = claim().epoch;
  const InboxItem hello = item();
  EXPECT_FALSE(*journal_.post(id_, hello, {}));
  EXPECT_TRUE(*journal_.post(id_, hello, {}));
  ASSERT_EQ(journal_.inbox(id_, {})->size(), 1U);
  EXPECT_TRUE(append(epoch, 0, {draft(hello.client_id)}));
  EXPECT_TRUE(journal_.inbox(id_, {})->empty());
  EXPECT_EQ(append(epoch, 1, {draft(hello.client_id)}).error().code, Code::exists);
  EXPECT_TRUE(*journal_.post(id_, hello, {}));
}

TEST_F(MemoryJournals, WhatIsPostedIsNeverSleptOver) {
  const SessionInfo info = claim();
  EXPECT_TRUE(journal_.post(id_, item(), {}));  // between the last look and the release
  EXPECT_TRUE(journal_.release({id_, info.epoch, SessionPhase::waiting, 0, ""}, {}));
  EXPECT_EQ(journal_.describe(id_, {})->phase, SessionPhase::runnable);
  const SessionInfo again = claim();
  EXPECT_TRUE(append(again.epoch, 0, {draft(journal_.inbox(id_, {})->front().client_id)}));
  EXPECT_TRUE(journal_.release({id_, again.epoch, SessionPhase::waiting, 0, ""}, {}));
  EXPECT_EQ(journal_.claim("w", {}, 1, {})->size(), 0U);
  EXPECT_TRUE(journal_.post(id_, item(), {}));
  EXPECT_EQ(journal_.claim("w", {}, 1, {})->size(), 1U);
}

TEST_F(MemoryJournals, AClaimWhoseAnswerWasLostIsMadeAnew) {
  auto stream = journal_.work("w", std::make_shared<Quiet>(), {});
  const SessionInfo info = claim();
  EXPECT_EQ(journal_.claim("w", {id_}, 1, {})->size(), 0U);
  ASSERT_EQ(journal_.claim("w", {}, 1, {})->size(), 1U);
  EXPECT_EQ(append(info.epoch, 0, {draft()}).error().code, Code::fenced);
}

TEST_F(MemoryJournals, AWaitingSessionWakesAtItsTime) {
  const SessionInfo info = claim();
  const std::int64_t now = clock_.wall().nanoseconds / 1'000'000;
  EXPECT_TRUE(journal_.release({id_, info.epoch, SessionPhase::waiting, now + 500, ""}, {}));
  EXPECT_EQ(journal_.claim("w", {}, 1, {})->size(), 0U);
  clock_.advance(std::chrono::milliseconds(500));
  EXPECT_EQ(journal_.claim("w", {}, 1, {})->size(), 1U);
}

TEST_F(MemoryJournals, AWorkersSessionsAreFreeWhenItsStreamBreaks) {
  auto stream = journal_.work("w", std::make_shared<Quiet>(), {});
  const SessionInfo info = claim();
  clock_.advance(kLease * 2);
  EXPECT_EQ(journal_.claim("v", {}, 1, {})->size(), 0U);  // the heartbeat holds it
  *stream = nullptr;
  EXPECT_EQ(journal_.claim("v", {}, 1, {})->size(), 1U);
  EXPECT_EQ(append(info.epoch, 0, {draft()}).error().code, Code::fenced);
}

TEST_F(MemoryJournals, ATailHearsEachEventOnceInOrder) {
  const SystemClock real;
  MemoryJournal journal(real);
  EXPECT_TRUE(journal.create({id_, "1", {}}, {}));
  const Epoch epoch = journal.claim("w", {}, 1, {})->front().epoch;
  auto tail = journal.tail(id_, 0, {});
  std::thread writer([&] {
    for (std::uint64_t i = 0; i < 200; ++i) {
      EXPECT_TRUE(journal.append({id_, epoch, i, 1, {draft()}, {}, {}}, {}));
    }
  });
  std::uint64_t seq = 0;
  while (seq < 200) {
    const auto tailed = (*tail)->next(real.now() + std::chrono::seconds(30));
    ASSERT_TRUE(tailed) << tailed.error().message;
    for (const Record& record : tailed->records) EXPECT_EQ(record.seq, ++seq);
  }
  writer.join();
  (*tail)->wake();
  EXPECT_EQ((*tail)->next(Moment::max()).error().code, Code::timed_out);
}

}  // namespace
}  // namespace outboard::harness
