// What changes elsewhere while a program keeps the kernel from taking it: nothing is lost, and
// nothing is unmounted. [S56]
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <set>
#include <thread>

#include "tests/mount/frozen_store.h"
#include "tests/mount/two_mounts.h"

namespace outboard::tests {
namespace {

constexpr std::chrono::milliseconds kLong = 2min;

class BacklogTest : public TwoMounts {
 protected:
  // A view in whose root another stands: here of memory, which nobody asks the daemon for.
  void start(std::chrono::milliseconds write_deadline) {
    fusefs::View view;
    view.mountpoints = {"inner"};
    view.tree_nodes_max = 1'000'000;
    view.write_deadline = write_deadline;
    outer_ = std::make_unique<Mount>(server_, clock_, view);
    const std::string inner = outer_->at("inner");
    ASSERT_EQ(mount("inner", inner.c_str(), "tmpfs", 0, nullptr), 0)
        << "this test needs to mount: " << std::strerror(errno);
    put(inner + "/stands", "x");
    a_.reset();  // who would hear of everything, too
    b_.reset();
  }
  ~BacklogTest() override {
    server_.thaw();
    if (holder_.joinable()) holder_.join();
    if (outer_) umount2(outer_->at("inner").c_str(), MNT_DETACH);
  }

  static std::string name(std::size_t number) { return "n" + std::to_string(number); }
  // Files of these numbers are made elsewhere, or written anew.
  void make(std::size_t from, std::size_t to, const std::string& bytes = {}) {
    while (from < to) {
      Batch batch;
      for (; from < to && batch.steps.size() < kBatchStepsMax; ++from) {
        Publish publish;
        publish.at = {std::string("/"), name(from)};
        publish.bytes = bytes;
        batch.steps.push_back({std::move(publish), {}});
      }
      const auto made = store_.apply(internal_call(soon()), volume_, batch);
      ASSERT_TRUE(made) << made.error().message;
    }
  }
  void remove(std::size_t number) {
    Batch batch;
    batch.steps.push_back({Unlink{{std::string("/"), name(number)}}, {}});
    const auto removed = store_.apply(internal_call(soon()), volume_, batch);
    ASSERT_TRUE(removed) << removed.error().message;
  }
  // A program makes a file, and the kernel holds the root for as long as the server is silent.
  void hold_root() {
    server_.freeze();
    holder_ = std::thread([this] {
      const int fd = open(outer_->at("held").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
      if (fd >= 0) close(fd);
    });
    ASSERT_TRUE(server_.wait_for_callers(1, soon()));
  }
  void let_go() {
    server_.thaw();
    holder_.join();
  }
  // As many files as may wait, each taken in as it comes: what comes faster ends the feed. Then so
  // many more that they wait in the feed.
  void make_backlog() {
    for (std::size_t at = 0; at < kNotifyQueueMax; at += kBatchStepsMax) {
      make(at, at + kBatchStepsMax);
      await_taken(head());
    }
    make(kNotifyQueueMax, kNames);
  }
  // The mount has taken `seq` in; not, that the kernel has heard of it.
  void await_taken(Seq seq) {
    while (outer_->volume().seq() < seq) {
      ASSERT_LT(clock_.now(), give_up_);
      std::this_thread::yield();
    }
  }
  static constexpr std::size_t kNames = kNotifyQueueMax + 3 * kBatchStepsMax;
  static Moment soon() { return std::chrono::steady_clock::now() + kLong; }

  FrozenStore server_{store_};
  std::unique_ptr<Mount> outer_;
  std::thread holder_;
  const Moment give_up_ = soon();
};

TEST_F(BacklogTest, S56_MoreNamesThanTheKernelTakesLeaveTheViewInside) {
  start(kLong);
  EXPECT_FALSE(there(outer_->at(name(0))));  // which the kernel remembers
  EXPECT_FALSE(there(outer_->at(name(kNames - 1))));
  hold_root();
  make_backlog();
  // It stands still there, and says so.
  EXPECT_FALSE(outer_->volume().wait_until(head(), clock_.now() + std::chrono::seconds(1)));
  EXPECT_LT(outer_->volume().seq(), head());
  EXPECT_LE(outer_->waiting().size(), kNotifyQueueMax + kBatchStepsMax);  // the last had room
  let_go();
  ASSERT_TRUE(outer_->volume().wait_until(head(), soon()));
  EXPECT_TRUE(there(outer_->at(name(0))));
  EXPECT_TRUE(there(outer_->at(name(kNames - 1))));
  EXPECT_EQ(get(outer_->at("inner/stands")), "x");
}

// [S9] Whoever holds it, the program's request has an end, and with it all goes on.
TEST_F(BacklogTest, S56_AServerThatNeverAnswersHoldsAViewNoLongerThanTheRequest) {
  start(5s);
  hold_root();
  make_backlog();
  holder_.join();  // the server is silent still
  while (!outer_->waiting().empty()) {
    ASSERT_LT(clock_.now(), give_up_);
    std::this_thread::yield();
  }
  EXPECT_EQ(get(outer_->at("inner/stands")), "x");
  server_.thaw();
  ASSERT_TRUE(outer_->volume().wait_until(head(), soon()));
  EXPECT_TRUE(there(outer_->at(name(kNames - 1))));
}

TEST_F(BacklogTest, S56_AFileThatChangesAgainAndAgainWaitsOnce) {
  constexpr std::size_t kFew = 20;
  start(kLong);
  make(0, kFew, "old");
  ASSERT_TRUE(outer_->reach(head()));
  for (std::size_t i = 0; i < kFew; ++i) EXPECT_EQ(get(outer_->at(name(i))), "old");
  EXPECT_FALSE(there(outer_->at(name(kFew))));
  hold_root();
  for (int round = 0; round < 200; ++round) {
    make(0, kFew + 1, "round " + std::to_string(round));
    remove(kFew);
  }
  remove(0);
  make(kFew, kFew + 1, "made");
  await_taken(head());
  std::set<std::string> names;
  const auto waiting = outer_->waiting();
  for (const fusefs::Notice& notice : waiting) names.insert(notice.name);
  EXPECT_LE(waiting.size(), 2 * (kFew + 4));  // one may be on its way, and the root has its own
  EXPECT_EQ(names.count(name(kFew)), 1U);
  EXPECT_FALSE(outer_->volume().wait_until(head(), clock_.now() + std::chrono::milliseconds(1)));
  let_go();
  ASSERT_TRUE(outer_->reach(head()));
  EXPECT_FALSE(there(outer_->at(name(0))));
  for (std::size_t i = 1; i < kFew; ++i) EXPECT_EQ(get(outer_->at(name(i))), "round 199");
  EXPECT_EQ(get(outer_->at(name(kFew))), "made");
  EXPECT_EQ(get(outer_->at("inner/stands")), "x");
}

}  // namespace
}  // namespace outboard::tests
