// JournalSuite: what every Journal, and every Blobs, must show. Instantiated once for each.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "core/guarded.h"
#include "harness/journal/blobs.h"
#include "harness/journal/journal.h"

namespace outboard::tests {

// A journal in which ada's sessions are made and carried on.
class JournalFixture {
 public:
  virtual ~JournalFixture() = default;
  virtual harness::Journal& journal() = 0;
  virtual harness::Blobs& blobs() = 0;
  // Lets so much time pass for leases, by the journal's own clock.
  virtual void pass(std::chrono::milliseconds time) = 0;
  virtual std::int64_t unix_ms() = 0;  // by the same
};

struct JournalMaker {
  std::string name;
  std::function<std::unique_ptr<JournalFixture>()> make;
};

inline std::string journal_name(const ::testing::TestParamInfo<JournalMaker>& info) {
  return info.param.name;
}

// Counts what it hears; waits until it has heard.
class Ear final : public harness::WorkSink {
 public:
  void on_runnable() override { note(runnable_); }
  void on_lost(SessionId) override { note(lost_); }
  void on_inbox(SessionId) override { note(inbox_); }

  bool heard_runnable() { return heard(runnable_); }
  bool heard_lost() { return heard(lost_); }
  bool heard_inbox() { return heard(inbox_); }
  void forget_runnable() {
    Lock lock(mutex_);
    runnable_ = 0;
  }

 private:
  void note(int& count) {
    Lock lock(mutex_);
    ++count;
    changed_.notify_all();
  }
  bool heard(int& count) {
    const Moment until = Moment::clock::now() + std::chrono::seconds(30);
    Lock lock(mutex_);
    while (count == 0 && Moment::clock::now() < until) changed_.wait_until(mutex_, until);
    return count > 0;
  }

  Mutex mutex_;
  Condition changed_;
  int runnable_ = 0;
  int lost_ = 0;
  int inbox_ = 0;
};

class JournalSuite : public ::testing::TestWithParam<JournalMaker> {
 protected:
  JournalSuite() : fixture_(GetParam().make()), journal_(fixture_->journal()) {
    EXPECT_FALSE(journal_.create({id_, "1", {}}, soon())->existed);
  }

  static Moment soon() { return Moment::clock::now() + std::chrono::seconds(30); }
  harness::SessionInfo claim(std::string_view worker = "w") {
    const auto claimed = journal_.claim(worker, {}, 1, soon());
    if (!claimed || claimed->size() != 1) {
      ADD_FAILURE() << (claimed ? "nothing to claim" : claimed.error().message);
      return {};
    }
    return claimed->front();
  }
  std::size_t claimable(std::string_view worker, const std::vector<SessionId>& held = {}) {
    return journal_.claim(worker, held, 1, soon())->size();
  }
  Result<harness::Appended> append(Epoch epoch, std::uint64_t after,
                                   std::vector<harness::Draft> drafts) {
    return journal_.append({id_, epoch, after, 1, std::move(drafts), {}, {}}, soon());
  }
  Status release(Epoch epoch, harness::SessionPhase phase, std::int64_t wake_unix_ms = 0) {
    return journal_.release({id_, epoch, phase, wake_unix_ms, ""}, soon());
  }
  static harness::Draft draft(Uuid inbox = {}) {
    return {harness::UserMessage{"ada", harness::Body::of("hello")}, inbox};
  }
  static harness::InboxItem item() { return {random_uuid(), "ada", {}, std::string("hello")}; }

  const std::unique_ptr<JournalFixture> fixture_;
  harness::Journal& journal_;
  const SessionId id_{random_uuid()};
};

}  // namespace outboard::tests
