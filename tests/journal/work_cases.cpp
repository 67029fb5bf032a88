// Who carries a session on, and when somebody else may.
#include "harness/session/limits.h"
#include "tests/journal/journal_suite.h"

namespace outboard::tests {

using namespace harness;

TEST_P(JournalSuite, WhatIsPostedIsNeverSleptOver) {
  const SessionInfo info = claim();
  EXPECT_TRUE(journal_.post(id_, item(), soon()));  // between the last look and the release
  EXPECT_TRUE(release(info.epoch, SessionPhase::waiting));
  EXPECT_EQ(journal_.describe(id_, soon())->phase, SessionPhase::runnable);
  const SessionInfo again = claim();
  EXPECT_TRUE(append(again.epoch, 0, {draft(journal_.inbox(id_, soon())->front().client_id)}));
  EXPECT_TRUE(release(again.epoch, SessionPhase::waiting));
  EXPECT_EQ(claimable("w"), 0U);
  EXPECT_TRUE(journal_.post(id_, item(), soon()));
  EXPECT_EQ(claimable("w"), 1U);
}

TEST_P(JournalSuite, AClaimWhoseAnswerWasLostIsMadeAnew) {
  const SessionInfo info = claim();
  EXPECT_EQ(claimable("w", {id_}), 0U);
  ASSERT_EQ(claimable("w"), 1U);
  EXPECT_EQ(append(info.epoch, 0, {draft()}).error().code, Code::fenced);
}

TEST_P(JournalSuite, AWaitingSessionWakesAtItsTime) {
  const SessionInfo info = claim();
  EXPECT_TRUE(release(info.epoch, SessionPhase::waiting, fixture_->unix_ms() + 3'600'000));
  EXPECT_EQ(claimable("w"), 0U);
  fixture_->pass(std::chrono::milliseconds(3'600'000));
  EXPECT_EQ(claimable("w"), 1U);
}

TEST_P(JournalSuite, AFinishedSessionRests) {
  const SessionInfo info = claim();
  EXPECT_EQ(release(info.epoch, SessionPhase::running).error().code, Code::invalid);
  EXPECT_TRUE(release(info.epoch, SessionPhase::finished));
  EXPECT_TRUE(journal_.post(id_, item(), soon()));
  EXPECT_EQ(claimable("w"), 0U);
  EXPECT_EQ(journal_.describe(id_, soon())->phase, SessionPhase::finished);
}

TEST_P(JournalSuite, AWorkersSessionsAreFreeWhenItsStreamBreaks) {
  const auto first = std::make_shared<Ear>();
  const auto second = std::make_shared<Ear>();
  auto stream = journal_.work("w", first, soon());
  ASSERT_TRUE(stream);
  (*stream)->offer(1, false);
  ASSERT_TRUE(first->heard_runnable());  // it is open
  const SessionInfo info = claim("w");
  auto other = journal_.work("v", second, soon());
  ASSERT_TRUE(other);
  (*other)->offer(1, false);
  ASSERT_TRUE(second->heard_runnable());
  fixture_->pass(kLease * 2);
  EXPECT_EQ(claimable("v"), 0U);  // the heartbeat holds it
  second->forget_runnable();
  *stream = nullptr;
  ASSERT_TRUE(second->heard_runnable());
  EXPECT_EQ(claimable("v"), 1U);
  EXPECT_EQ(append(info.epoch, 0, {draft()}).error().code, Code::fenced);
}

TEST_P(JournalSuite, AWorkerHearsOfItsSessionsInbox) {
  const auto ear = std::make_shared<Ear>();
  auto stream = journal_.work("w", ear, soon());
  ASSERT_TRUE(stream);
  (*stream)->offer(1, false);
  ASSERT_TRUE(ear->heard_runnable());
  claim("w");
  EXPECT_TRUE(journal_.post(id_, item(), soon()));
  EXPECT_TRUE(ear->heard_inbox());
}

}  // namespace outboard::tests
