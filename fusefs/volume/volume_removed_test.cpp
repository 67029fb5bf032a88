// A file that is removed, or replaced, through the mount in which its last bytes are on their way.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>

#include "core/memory_store.h"
#include "tests/mount/frozen_store.h"
#include "tests/support/seat.h"

namespace outboard::fusefs {
namespace {

// Does something before each commit is asked for, and before each answer is heard.
class SlowStore final : public tests::FrozenStore {
 public:
  using FrozenStore::FrozenStore;
  Result<Applied> apply(const Call& call, VolumeId volume, const Batch& batch) override {
    const Op op = batch.steps.front().op;
    if (before) before(op);
    auto applied = FrozenStore::apply(call, volume, batch);
    if (after) after(op);
    return applied;
  }
  std::function<void(const Op&)> before, after;
};

class RemovedTest : public ::testing::Test {
 protected:
  RemovedTest() {
    VolumeSettings settings;
    settings.policy = Policy::refuse;
    store_.add_volume("acme/memory", settings);
    seat_.emplace(slow_, clock_);
    (*seat_)->create(kRootId, "other", 0644, {}, false, {}).value();
    unsaved_ = (*seat_)
                   ->create(kRootId, "f", 0644, {true, true, false, false}, false, {})
                   .value()
                   .second.handle;
    EXPECT_TRUE((*seat_)->write(unsaved_, 0, "unsaved", false));
  }
  ~RemovedTest() override {
    if (closing_.joinable()) closing_.join();
  }
  // As the kernel does some time after close() has returned.
  void close_meanwhile() {
    closing_ = std::thread([this] {
      (*seat_)->release(unsaved_);
      closed_ = true;
    });
  }
  // Until it happens; who waits for what is under way here does not make it happen.
  void give_time_to(const std::atomic<bool>& happen) const {
    const Moment until = clock_.now() + std::chrono::milliseconds(300);
    while (!happen && clock_.now() < until) std::this_thread::yield();
  }
  std::vector<std::string> names() {
    const auto listed = store_.list(Call{}, volume(), kRootInode, {}, 100, {});
    std::vector<std::string> names;
    for (const Entry& entry : listed.value().value.entries) names.push_back(entry.dentry.name);
    return names;
  }
  VolumeId volume() { return (*seat_)->volume().id; }

  SystemClock clock_;
  MemoryStore store_{clock_};
  SlowStore slow_{store_};
  std::optional<Seat> seat_;
  HandleId unsaved_;
  std::thread closing_;
  std::atomic<bool> closed_ = false;
};

TEST_F(RemovedTest, S10_WhatIsRemovedHereIsNotKeptBesideItself) {
  slow_.after = [&](const Op& op) {
    if (!std::holds_alternative<Unlink>(op)) return;
    close_meanwhile();
    give_time_to(closed_);
  };
  ASSERT_TRUE((*seat_)->remove(kRootId, "f", false));
  closing_.join();
  EXPECT_EQ(names(), std::vector<std::string>{"other"});
}

TEST_F(RemovedTest, S4_ARenameOverAFileThatIsBeingPublishedMeetsWhatWasPublished) {
  std::atomic<bool> writing = false, written = false, renaming = false;
  slow_.before = [&](const Op& op) {
    if (std::holds_alternative<Write>(op)) {
      writing = true;
      give_time_to(renaming);
    } else if (std::holds_alternative<Rename>(op)) {
      renaming = true;
      give_time_to(written);
    }
  };
  slow_.after = [&](const Op& op) { written = written || std::holds_alternative<Write>(op); };
  close_meanwhile();
  while (!writing) std::this_thread::yield();
  EXPECT_TRUE((*seat_)->rename(kRootId, "other", kRootId, "f", RenameMode::replace));
  closing_.join();
  EXPECT_EQ(names(), std::vector<std::string>{"f"});
}

}  // namespace
}  // namespace outboard::fusefs
