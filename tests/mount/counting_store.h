// CountingStore: how often contents are asked for, one by one, in batches and with the names.
#pragma once

#include <atomic>

#include "tests/mount/frozen_store.h"

namespace outboard::tests {

class CountingStore final : public FrozenStore {
 public:
  explicit CountingStore(Store& below) : FrozenStore(below) {}

  std::atomic<std::uint64_t> reads = 0;
  std::atomic<std::uint64_t> batches = 0;
  std::atomic<std::uint64_t> bodies = 0;  // that came with the names
  std::uint64_t asked() const { return reads + batches; }
  void forget() { reads = batches = bodies = 0; }

  Result<At<Content>> read(const Call& call, VolumeId volume, Inode inode, Version version,
                           std::uint64_t offset, std::size_t size) override {
    ++reads;
    return FrozenStore::read(call, volume, inode, version, offset, size);
  }
  Result<At<std::vector<Result<Content>>>> read_many(const Call& call, VolumeId volume,
                                                     const std::vector<ContentKey>& keys) override {
    ++batches;
    {
      Lock lock(held_mutex_);
      while (held_) let_go_.wait(held_mutex_);
    }
    if (failing_) return Error{Code::unavailable, "no batch comes through"};
    return FrozenStore::read_many(call, volume, keys);
  }
  Result<Seq> snapshot(const Call& call, VolumeId volume, const SnapshotQuery& query,
                       const std::function<void(SnapshotPart)>& take) override {
    return FrozenStore::snapshot(call, volume, query, [&](SnapshotPart part) {
      bodies += part.bodies.size();
      take(std::move(part));
    });
  }

  // From here on batches are answered when they are let go; or never.
  void hold_batches() { set_held(true); }
  void let_batches_go() { set_held(false); }
  void fail_batches() { failing_ = true; }

 private:
  void set_held(bool held) {
    Lock lock(held_mutex_);
    held_ = held;
    let_go_.notify_all();
  }

  Mutex held_mutex_;
  Condition let_go_;
  bool held_ GUARDED_BY(held_mutex_) = false;
  std::atomic<bool> failing_ = false;
};

}  // namespace outboard::tests
