// What a mount says of its tree when it asks for the changes behind it. [S40]
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/memory_store.h"
#include "fusefs/volume/follower.h"
#include "fusefs/volume/volume.h"
#include "tests/mount/frozen_store.h"

namespace outboard::tests {
namespace {

using namespace std::chrono_literals;
using fusefs::Follower;
using fusefs::MountedVolume;

// A store whose snapshots say which they are, and whose first two subscriptions are refused, as by
// a server under which the mount sees another part.
class SayingStore final : public FrozenStore {
 public:
  using FrozenStore::FrozenStore;

  Result<Seq> snapshot(const Call& call, VolumeId volume, const SnapshotQuery& query,
                       const std::function<void(SnapshotPart)>& take) override {
    const std::string loaded = "snapshot " + std::to_string(++snapshots_);
    return FrozenStore::snapshot(call, volume, query, [&](SnapshotPart part) {
      part.loaded = loaded;
      take(std::move(part));
    });
  }
  Result<std::unique_ptr<Subscription>> subscribe(const Call& call, VolumeId volume, Seq after,
                                                  std::shared_ptr<FeedSink> sink) override {
    {
      Lock lock(mutex_);
      said_.push_back(sink->loaded());
      came_.notify_all();
      if (said_.size() < 3) return Error{Code::history_gone, "another part: take a snapshot"};
    }
    return FrozenStore::subscribe(call, volume, after, std::move(sink));
  }
  // What the first three subscriptions said.
  std::vector<std::string> said() {
    const Moment until = std::chrono::steady_clock::now() + 60s;
    Lock lock(mutex_);
    while (said_.size() < 3 && came_.wait_until(mutex_, until)) {
    }
    return said_;
  }

 private:
  std::atomic<int> snapshots_{0};
  Mutex mutex_;
  Condition came_;
  std::vector<std::string> said_ GUARDED_BY(mutex_);
};

class Deaf final : public fusefs::Invalidator {
 public:
  void post(std::vector<fusefs::Notice>) override {}
  bool flushed(Moment) override { return true; }
  bool has_room(Moment) override { return true; }
  bool forget_names() override { return false; }
};

TEST(LoadedTest, S40_AMountSaysWhichSnapshotItGoesOnFrom) {
  const SystemClock clock;
  MemoryStore memory(clock);
  memory.add_volume("acme/memory");
  SayingStore store(memory);
  Deaf deaf;
  fusefs::RequestNumbers numbers(ClientId{random_uuid()});
  auto volume = MountedVolume::open(store, numbers, deaf, clock, "acme/memory", {},
                                    std::chrono::steady_clock::now() + 60s);
  ASSERT_TRUE(volume) << volume.error().message;
  const Follower follower(store, **volume, clock);
  EXPECT_EQ(store.said(), (std::vector<std::string>{"snapshot 1", "snapshot 2", "snapshot 3"}));
}

}  // namespace
}  // namespace outboard::tests
