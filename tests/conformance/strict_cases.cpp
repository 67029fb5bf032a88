// Strict volumes: a publish returns when no mount shows older bytes. [S7]
#include <future>

#include "core/clock.h"
#include "core/limits.h"
#include "tests/conformance/store_suite.h"

namespace outboard::tests {
namespace {

using std::chrono::steady_clock;

// A mount as the store sees it: it takes what the feed tells, and acknowledges when it is told to.
class Follower {
 public:
  Follower(Store& store, const Call& call, VolumeId volume, Seq after, bool remembers = false)
      : queue_(std::make_shared<FeedQueue>(kWatcherQueueChanges, true, "", remembers)) {
    auto subscription = store.subscribe(call, volume, after, queue_);
    EXPECT_TRUE(subscription) << subscription.error().message;
    subscription_ = *std::move(subscription);
  }
  // Until the feed has told of `seq`.
  void hear(Seq seq) {
    for (Seq upto; upto < seq;) {
      const auto item = queue_->next(steady_clock::now() + kCallWait);
      ASSERT_TRUE(item && !item->end);
      upto = item->upto;
    }
  }
  // Whether the volume is strict, as the feed says next.
  bool hear_strict() {
    for (;;) {
      const auto item = queue_->next(steady_clock::now() + kCallWait);
      if (!item || item->end) ADD_FAILURE() << "the feed ended";
      if (!item || item->end) return false;
      if (item->strict) return *item->strict;
    }
  }
  Subscription& subscription() { return *subscription_; }
  void go() { subscription_.reset(); }

 private:
  std::shared_ptr<FeedQueue> queue_;
  std::unique_ptr<Subscription> subscription_;
};

VolumeSettings strict() {
  VolumeSettings settings;
  settings.strict = true;
  return settings;
}

}  // namespace

TEST_P(StoreSuite, S7_APublishWaitsUntilEveryMountHasAcknowledged) {
  use_volume(strict());
  const Seq before = head();
  Follower mount(store(), call(), volume_, before);
  auto writer = std::async(std::launch::async, [&] {
    put("/f", "new");
    return steady_clock::now();
  });
  mount.hear(Seq{before.value + 1});
  EXPECT_NE(writer.wait_for(kStrictLease / 10), std::future_status::ready);
  const auto acknowledged = steady_clock::now();
  mount.subscription().acknowledge(Seq{before.value + 1}, false);
  EXPECT_GE(writer.get(), acknowledged);
}

TEST_P(StoreSuite, S7_AMountThatDoesNotAnswerCostsItsLeaseAndNoMore) {
  use_volume(strict());
  Follower mount(store(), call(), volume_, head());
  const auto begun = steady_clock::now();
  put("/f", "new");
  EXPECT_GE(steady_clock::now() - begun, kStrictLease);
  EXPECT_LT(steady_clock::now() - begun, 3 * kStrictLease);
}

TEST_P(StoreSuite, S7_NobodyWaitsForAFrozenMount) {
  use_volume(strict());
  const Seq before = head();
  Follower mount(store(), call(), volume_, before);
  auto writer = std::async(std::launch::async, [&] { put("/f", "new"); });
  mount.hear(Seq{before.value + 1});
  mount.subscription().set_frozen(true);
  writer.get();
  const auto begun = steady_clock::now();
  put("/f", "newer");
  EXPECT_LT(steady_clock::now() - begun, kStrictLease);
}

// What a mount has read it may show until its lease is over, though it has gone.
TEST_P(StoreSuite, S7_AMountThatHasGoneCostsWhatIsLeftOfItsLease) {
  use_volume(strict());
  const Seq before = head();
  Follower mount(store(), call(), volume_, before);
  auto writer = std::async(std::launch::async, [&] {
    put("/f", "new");
    return steady_clock::now();
  });
  mount.hear(Seq{before.value + 1});
  const auto gone = steady_clock::now();
  mount.go();
  EXPECT_LT(writer.get() - gone, 2 * kStrictLease);
}

// Older than its volume's strictness: it has acknowledged nothing until it says that its kernel
// remembers nothing.
TEST_P(StoreSuite, S7_AMountWhoseKernelRemembersIsWaitedFor) {
  use_volume(strict());
  const Seq before = head();
  const Seq next{before.value + 1};
  Follower mount(store(), call(), volume_, before, true);
  auto writer = std::async(std::launch::async, [&] {
    put("/f", "new");
    return steady_clock::now();
  });
  mount.hear(next);
  mount.subscription().acknowledge(next, true);
  EXPECT_NE(writer.wait_for(kStrictLease / 10), std::future_status::ready);
  const auto forgot = steady_clock::now();
  mount.subscription().acknowledge(next, false);
  const auto done = writer.get();
  EXPECT_GE(done, forgot);
  EXPECT_LT(done - forgot, kStrictLease);
}

// What a mount has heard of before others it shows once they have heard of it, too.
TEST_P(StoreSuite, S7_WhoAsksWhetherAChangeHasSettledIsAnsweredWithEveryMountsWord) {
  use_volume(strict());
  const Seq before = head();
  const Seq next{before.value + 1};
  Follower mount(store(), call(), volume_, before);
  auto writer = std::async(std::launch::async, [&] { put("/f", "new"); });
  mount.hear(next);
  EXPECT_TRUE(store().settle(call(), volume_, before)) << "what was there before";
  auto reader = std::async(std::launch::async, [&] {
    const Status settled = store().settle(call(), volume_, next);
    EXPECT_TRUE(settled) << settled.error().message;
    return steady_clock::now();
  });
  EXPECT_NE(reader.wait_for(kStrictLease / 10), std::future_status::ready);
  const auto acknowledged = steady_clock::now();
  mount.subscription().acknowledge(next, false);
  EXPECT_GE(reader.get(), acknowledged);
  writer.get();
}

TEST_P(StoreSuite, S7_AReaderIsAnsweredAfterTheLeaseOfAMountThatIsSilent) {
  use_volume(strict());
  Follower mount(store(), call(), volume_, head());
  const Seq next{head().value + 1};
  const auto begun = steady_clock::now();
  const Status settled = store().settle(call(), volume_, next);
  EXPECT_TRUE(settled) << settled.error().message;
  EXPECT_GE(steady_clock::now() - begun, kStrictLease);
  Call hasty = call();
  hasty.deadline = steady_clock::now() + kStrictLease / 10;
  EXPECT_EQ(store().settle(hasty, volume_, next).error().code, Code::timed_out);
  mount.subscription().set_frozen(true);
  EXPECT_TRUE(store().settle(call(), volume_, next)) << "nobody waits for a frozen one";
}

TEST_P(StoreSuite, S7_OnOtherVolumesAllIsSettled) {
  Follower mount(store(), call(), volume_, head());
  const auto begun = steady_clock::now();
  EXPECT_TRUE(store().settle(call(), volume_, Seq{head().value + 1}));
  EXPECT_LT(steady_clock::now() - begun, kStrictLease);
}

// The first word of a feed says whether the volume is strict.
TEST_P(StoreSuite, S7_AMountIsToldWhetherItsVolumeIsStrict) {
  Follower other(store(), call(), volume_, head());
  EXPECT_FALSE(other.hear_strict());
  use_volume(strict());
  Follower mount(store(), call(), volume_, head());
  EXPECT_TRUE(mount.hear_strict());
}

TEST_P(StoreSuite, S7_OtherVolumesWaitForNobody) {
  Follower mount(store(), call(), volume_, head());
  const auto begun = steady_clock::now();
  put("/f", "new");
  EXPECT_LT(steady_clock::now() - begun, kStrictLease);
}

}  // namespace outboard::tests
