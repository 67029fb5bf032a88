// A view's session stands still for a successor, and is gone on with. [S59]
#include <fcntl.h>
#include <unistd.h>

#include <future>

#include "tests/mount/frozen_store.h"
#include "tests/mount/two_mounts.h"

namespace outboard::tests {
namespace {

constexpr std::chrono::seconds kSoon{20};

class Handover : public TwoMounts {
 protected:
  fusefs::HandedSession parked() {
    EXPECT_TRUE(mount_->session().park(clock_.now() + kSoon));
    fusefs::HandedSession handed = mount_->session().handed();
    handed.descriptor = fcntl(handed.descriptor, F_DUPFD_CLOEXEC, 3);
    return handed;
  }
  // As another process would, on the same volume.
  Result<std::unique_ptr<fusefs::KernelSession>> succeed(fusefs::HandedSession handed) {
    fusefs::SessionConfig config;
    config.mountpoint = mount_->path();
    config.mounting = &mounted_;
    return fusefs::KernelSession::take_over(config, mount_->volume(), notifier_, std::move(handed));
  }

  FrozenStore frozen_{store_};
  fusefs::HandedMount mounted_{-1};
  fusefs::KernelNotifier notifier_;
  std::unique_ptr<Mount> mount_ = std::make_unique<Mount>(frozen_, clock_);
};

TEST_F(Handover, S59_ARequestUnderWayIsAnsweredByWhomItWasAskedOf) {
  const int file = open(mount_->at("file").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  ASSERT_EQ(write(file, "x", 1), 1);
  frozen_.freeze();
  auto closing = std::async(std::launch::async, [&] { return close(file); });
  ASSERT_TRUE(frozen_.wait_for_callers(1, clock_.now() + kSoon));
  EXPECT_FALSE(mount_->session().park(clock_.now() + std::chrono::milliseconds(50)));
  EXPECT_TRUE(there(mount_->path()));
  frozen_.thaw();
  EXPECT_EQ(closing.get(), 0);
  EXPECT_TRUE(mount_->session().park(clock_.now() + kSoon));
  mount_->session().unpark();
  EXPECT_EQ(get(mount_->at("file")), "x");
}

TEST_F(Handover, S59_WhatIsAskedWhileAViewStandsStillWaits) {
  put(mount_->at("file"), "x");
  ASSERT_TRUE(mount_->session().park(clock_.now() + kSoon));
  auto asking = std::async(std::launch::async, [&] { return there(mount_->at("nothing")); });
  EXPECT_EQ(asking.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  mount_->session().unpark();
  EXPECT_FALSE(asking.get());
}

TEST_F(Handover, S59_TheSuccessorServesTheSameConnection) {
  put(mount_->at("file"), "x");
  auto successor = succeed(parked());
  ASSERT_TRUE(successor);
  (*successor)->serve();
  EXPECT_EQ(get(mount_->at("file")), "x");
  put(mount_->at("made"), "y");
  EXPECT_EQ(get(mount_->at("made")), "y");
  ASSERT_TRUE((*successor)->park(clock_.now() + kSoon));
  mount_->session().unpark();
  EXPECT_EQ(get(mount_->at("made")), "y");
}

TEST_F(Handover, S59_WhoWouldHaveGreetedTheKernelOtherwiseDoesNotTakeOver) {
  put(mount_->at("file"), "x");
  auto handed = parked();
  handed.replied.back() = static_cast<char>(handed.replied.back() ^ 1);
  const auto refused = succeed(handed);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unsupported);
  mount_->session().unpark();
  EXPECT_EQ(get(mount_->at("file")), "x");
}

}  // namespace
}  // namespace outboard::tests
