// Events, inbox and blobs.
#include <thread>

#include "harness/session/limits.h"
#include "tests/journal/journal_suite.h"

namespace outboard::tests {

using namespace harness;

TEST_P(JournalSuite, CreatedTwiceIsCreatedOnce) {
  EXPECT_TRUE(journal_.create({id_, "1", {}}, soon())->existed);
  EXPECT_EQ(journal_.create({}, soon()).error().code, Code::invalid);
  EXPECT_EQ(journal_.describe(SessionId{random_uuid()}, soon()).error().code, Code::not_found);
  EXPECT_EQ(journal_.describe(id_, soon())->phase, SessionPhase::runnable);
}

TEST_P(JournalSuite, SeqsHaveNoGapsAndAHigherEpochShutsOutTheLower) {
  const Epoch first = claim().epoch;
  EXPECT_EQ(append(first, 0, {draft(), draft()})->last, 2U);
  EXPECT_EQ(append(first, 0, {draft()}).error().code, Code::conflict);  // sent again
  EXPECT_EQ(claimable("v"), 0U);                                        // the lease holds
  fixture_->pass(kLease);
  const Epoch second = claim("v").epoch;
  EXPECT_GT(second, first);
  EXPECT_EQ(append(first, 2, {draft()}).error().code, Code::fenced);
  EXPECT_EQ(release(first, SessionPhase::finished).error().code, Code::fenced);
  EXPECT_EQ(append(second, 2, {draft()})->first, 3U);
  std::uint64_t seq = 0;
  const auto take = [&](const Record& record) {
    EXPECT_EQ(record.seq, ++seq);
    EXPECT_EQ(record.actor, "user:ada");
    EXPECT_EQ(record.turn, 1U);
    EXPECT_EQ(std::get<UserMessage>(record.event).author, "ada");
    return true;
  };
  EXPECT_TRUE(journal_.replay(id_, 0, take, soon()));
  EXPECT_EQ(seq, 3U);
  EXPECT_EQ(journal_.describe(id_, soon())->head, 3U);
}

TEST_P(JournalSuite, AnAppendHappensWholeOrNotAtAll) {
  const Epoch epoch = claim().epoch;
  const Draft big{UserMessage{"ada", Body::of(std::string(9'000, 'x'))}, {}};
  EXPECT_EQ(append(epoch, 0, {draft(), big}).error().code, Code::too_big);
  EXPECT_EQ(append(epoch, 0, {}).error().code, Code::invalid);
  EXPECT_EQ(journal_.describe(id_, soon())->head, 0U);
}

TEST_P(JournalSuite, AReplayTakesAsManyPagesAsThereAre) {
  const Epoch epoch = claim().epoch;
  for (std::uint64_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(append(epoch, i * 200, std::vector<Draft>(200, draft())));
  }
  std::uint64_t seq = 7;
  const auto take = [&](const Record& record) {
    EXPECT_EQ(record.seq, ++seq);
    return record.seq < 590;
  };
  EXPECT_TRUE(journal_.replay(id_, 7, take, soon()));
  EXPECT_EQ(seq, 590U);
}

TEST_P(JournalSuite, AnInboxItemIsPostedOnceAndTakenUpOnce) {
  const Epoch epoch = claim().epoch;
  const InboxItem hello = item();
  EXPECT_FALSE(*journal_.post(id_, hello, soon()));
  EXPECT_TRUE(*journal_.post(id_, hello, soon()));
  const auto waiting = journal_.inbox(id_, soon());
  ASSERT_EQ(waiting->size(), 1U);
  EXPECT_EQ(waiting->front().author, "ada");
  EXPECT_EQ(std::get<std::string>(waiting->front().content), "hello");
  EXPECT_TRUE(append(epoch, 0, {draft(hello.client_id)}));
  EXPECT_TRUE(journal_.inbox(id_, soon())->empty());
  EXPECT_EQ(append(epoch, 1, {draft(hello.client_id)}).error().code, Code::exists);
  EXPECT_EQ(journal_.describe(id_, soon())->head, 1U);
  EXPECT_TRUE(*journal_.post(id_, hello, soon()));
}

TEST_P(JournalSuite, InterruptsAndApprovalsArriveAsSent) {
  const OpId op{random_uuid()};
  EXPECT_TRUE(journal_.post(id_, {random_uuid(), "ada", {}, InterruptRequest{}}, soon()));
  EXPECT_TRUE(journal_.post(id_, {random_uuid(), "ada", {}, Approval{op, false, "no"}}, soon()));
  const auto items = journal_.inbox(id_, soon());
  ASSERT_EQ(items->size(), 2U);
  EXPECT_TRUE(std::holds_alternative<InterruptRequest>(items->at(0).content));
  const auto approval = std::get<Approval>(items->at(1).content);
  EXPECT_EQ(approval.op, op);
  EXPECT_FALSE(approval.allow);
  EXPECT_EQ(approval.message, "no");
}

TEST_P(JournalSuite, ATailHearsEachEventOnceInOrder) {
  const Epoch epoch = claim().epoch;
  auto tail = journal_.tail(id_, 0, soon());
  ASSERT_TRUE(tail) << tail.error().message;
  std::thread writer([&] {
    for (std::uint64_t i = 0; i < 200; ++i) EXPECT_TRUE(append(epoch, i, {draft()}));
    EXPECT_TRUE(release(epoch, SessionPhase::finished));
  });
  std::uint64_t seq = 0;
  SessionPhase phase = SessionPhase::running;
  while (phase != SessionPhase::finished) {
    const auto tailed = (*tail)->next(soon());
    if (!tailed) {
      ADD_FAILURE() << tailed.error().message;
      break;
    }
    for (const Record& record : tailed->records) EXPECT_EQ(record.seq, ++seq);
    phase = tailed->phase;
  }
  writer.join();
  EXPECT_EQ(seq, 200U);
  (*tail)->wake();
  for (;;) {  // marks may come before
    const auto tailed = (*tail)->next(Moment::max());
    if (tailed) continue;
    EXPECT_EQ(tailed.error().code, Code::timed_out);
    break;
  }
}

TEST_P(JournalSuite, BlobsAreKeptWhole) {
  std::string large;
  for (int i = 0; large.size() < 3'000'000; ++i) large += std::to_string(i);
  for (const std::string& bytes : {std::string(), std::string("x"), large}) {
    const auto digest = fixture_->blobs().put(id_, bytes, soon());
    ASSERT_TRUE(digest) << digest.error().message;
    EXPECT_EQ(*digest, sha256(bytes));
    EXPECT_EQ(*fixture_->blobs().put(id_, bytes, soon()), *digest);
    EXPECT_EQ(*fixture_->blobs().get(*digest, soon()), bytes);
  }
  EXPECT_EQ(fixture_->blobs().get(sha256("another"), soon()).error().code, Code::not_found);
}

}  // namespace outboard::tests
