#include "harness/loop/worker.h"

#include <gtest/gtest.h>

#include <latch>

#include "harness/journal/memory_journal.h"

namespace outboard::harness {
namespace {

// Told by the test what each session does; counts what happens to it.
class Stage {
 public:
  std::function<Rest(const SessionInfo&)> act = [](const SessionInfo&) { return Rest{}; };
  std::function<void()> on_notice = [] {};
  std::function<void()> on_leave = [] {};

  OpenSession opener() {
    return [this](const SessionInfo& info) -> Result<std::unique_ptr<SessionRun>> {
      return std::unique_ptr<SessionRun>(std::make_unique<Played>(*this, info));
    };
  }

 private:
  class Played final : public SessionRun {
   public:
    Played(Stage& stage, const SessionInfo& info) : stage_(stage), info_(info) {}
    Rest run() override { return stage_.act(info_); }
    void notice() override { stage_.on_notice(); }
    void leave() override { stage_.on_leave(); }

   private:
    Stage& stage_;
    const SessionInfo info_;
  };
};

class Workers : public ::testing::Test {
 protected:
  SessionId create() {
    const SessionId id{random_uuid()};
    EXPECT_TRUE(journal_.create({id, "1", {}}, {}));
    return id;
  }
  void release(const SessionInfo& info, SessionPhase phase) {
    EXPECT_TRUE(journal_.release({info.id, info.epoch, phase, 0, ""}, {}));
  }

  SystemClock clock_;
  MemoryJournal journal_{clock_};
  Stage stage_;
};

TEST_F(Workers, AllSessionsAreRunManyAtATime) {
  constexpr int kSessions = 20;
  for (int i = 0; i < kSessions; ++i) create();
  std::latch together(4);  // four run at the same time, or this never opens
  std::latch done(kSessions);
  std::atomic<int> count{0};
  stage_.act = [&](const SessionInfo& info) {
    if (++count <= 4) together.arrive_and_wait();
    release(info, SessionPhase::finished);
    done.count_down();
    return Rest{};
  };
  Worker worker({"w", 4}, journal_, clock_, stage_.opener());
  std::thread thread([&] { worker.run(); });
  done.wait();
  worker.drain();
  thread.join();
  EXPECT_EQ(count, kSessions);
}

TEST_F(Workers, ASessionThatComesLaterIsHeardOf) {
  std::latch done(1);
  stage_.act = [&](const SessionInfo& info) {
    release(info, SessionPhase::finished);
    done.count_down();
    return Rest{};
  };
  Worker worker({"w", 1}, journal_, clock_, stage_.opener());
  std::thread thread([&] { worker.run(); });
  create();
  done.wait();
  worker.drain();
  thread.join();
}

TEST_F(Workers, DrainingHandsOverWhatRuns) {
  const SessionId id = create();
  std::latch running(1);
  std::latch leaving(1);
  stage_.on_leave = [&] { leaving.count_down(); };
  stage_.act = [&](const SessionInfo& info) {
    running.count_down();
    leaving.wait();
    release(info, SessionPhase::runnable);
    return Rest{};
  };
  Worker worker({"w", 2}, journal_, clock_, stage_.opener());
  std::thread thread([&] { worker.run(); });
  running.wait();
  worker.drain();
  thread.join();
  EXPECT_EQ(journal_.describe(id, {})->phase, SessionPhase::runnable);
}

TEST_F(Workers, WhatIsPostedReachesTheSessionThatRuns) {
  const SessionId id = create();
  std::latch running(1);
  std::latch noticed(1);
  stage_.on_notice = [&] { noticed.count_down(); };
  stage_.act = [&](const SessionInfo& info) {
    running.count_down();
    noticed.wait();
    release(info, SessionPhase::finished);
    return Rest{};
  };
  Worker worker({"w", 1}, journal_, clock_, stage_.opener());
  std::thread thread([&] { worker.run(); });
  running.wait();
  EXPECT_TRUE(journal_.post(id, {random_uuid(), "ada", {}, InterruptRequest{}}, {}));
  noticed.wait();
  worker.drain();
  thread.join();
}

TEST_F(Workers, ASessionPutOffRunsAgainAndStaysTheWorkers) {
  create();
  std::latch done(2);
  std::vector<Epoch> epochs;
  stage_.act = [&](const SessionInfo& info) {
    epochs.push_back(info.epoch);
    const bool first = epochs.size() == 1;
    if (!first) release(info, SessionPhase::finished);
    done.count_down();
    return first ? Rest{RestKind::later, clock_.now(), ""} : Rest{};
  };
  Worker worker({"w", 1}, journal_, clock_, stage_.opener());
  std::thread thread([&] { worker.run(); });
  done.wait();
  worker.drain();
  thread.join();
  EXPECT_EQ(epochs, (std::vector<Epoch>{Epoch{1}, Epoch{1}}));
}

TEST_F(Workers, ASessionThatCannotBeOpenedIsLeftAloneForAWhile) {
  const SessionId id = create();
  std::latch refused(1);
  Worker worker({"w", 1}, journal_, clock_,
                [&](const SessionInfo&) -> Result<std::unique_ptr<SessionRun>> {
                  refused.count_down();
                  return Error{Code::invalid, "no such agent"};
                });
  std::thread thread([&] { worker.run(); });
  refused.wait();
  worker.drain();
  thread.join();
  const auto info = journal_.describe(id, {});
  EXPECT_EQ(info->phase, SessionPhase::waiting);
  EXPECT_GT(info->wake_unix_ms, 0);
}

}  // namespace
}  // namespace outboard::harness
