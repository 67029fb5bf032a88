// FrozenStore: a Store that can stop answering, as a server under SIGSTOP does: every call waits
// for its deadline and then says timed_out. For tests of [S9].
#pragma once

#include <memory>
#include <utility>

#include "core/guarded.h"
#include "core/store.h"

namespace outboard::tests {

class FrozenStore : public Store {
 public:
  explicit FrozenStore(Store& below) : below_(below) {}

  void freeze() { set(true); }
  void thaw() { set(false); }
  // Whether `count` calls wait for the thaw; false: not until `deadline`.
  bool wait_for_callers(std::size_t count, Moment deadline) {
    Lock lock(mutex_);
    while (waiting_ < count) {
      if (!came_.wait_until(mutex_, deadline)) return false;
    }
    return true;
  }
  // What is asked happens, and nobody hears of it.
  void lose_answers(bool lost) {
    Lock lock(mutex_);
    lost_ = lost;
  }

  Result<Volume> open_volume(const Call& call, std::string_view name) override {
    return pass(call, [&] { return below_.open_volume(call, name); });
  }
  Result<Volume> describe(const Call& call, VolumeId volume) override {
    return pass(call, [&] { return below_.describe(call, volume); });
  }
  Result<Applied> apply(const Call& call, VolumeId volume, const Batch& batch) override {
    auto applied = pass(call, [&] { return below_.apply(call, volume, batch); });
    Lock lock(mutex_);
    if (!lost_) return applied;
    return Error{Code::unavailable, "the connection broke before the answer came"};
  }
  Result<At<Entry>> lookup(const Call& call, VolumeId volume, const NameRef& name,
                           const ReadAt& at) override {
    return pass(call, [&] { return below_.lookup(call, volume, name, at); });
  }
  Result<At<Node>> attributes(const Call& call, VolumeId volume, const NodeRef& node,
                              const ReadAt& at) override {
    return pass(call, [&] { return below_.attributes(call, volume, node, at); });
  }
  Result<At<Page>> list(const Call& call, VolumeId volume, const NodeRef& directory,
                        std::string_view after, std::uint32_t limit, const ReadAt& at) override {
    return pass(call, [&] { return below_.list(call, volume, directory, after, limit, at); });
  }
  Result<At<Content>> read(const Call& call, VolumeId volume, Inode inode, Version version,
                           std::uint64_t offset, std::size_t size) override {
    return pass(call, [&] { return below_.read(call, volume, inode, version, offset, size); });
  }
  Result<At<std::vector<Result<Content>>>> read_many(const Call& call, VolumeId volume,
                                                     const std::vector<ContentKey>& keys) override {
    return pass(call, [&] { return below_.read_many(call, volume, keys); });
  }
  Result<Seq> snapshot(const Call& call, VolumeId volume, const SnapshotQuery& query,
                       const std::function<void(SnapshotPart)>& take) override {
    return pass(call, [&] { return below_.snapshot(call, volume, query, take); });
  }
  Result<At<Xattrs>> xattrs(const Call& call, VolumeId volume, Inode inode,
                            const ReadAt& at) override {
    return pass(call, [&] { return below_.xattrs(call, volume, inode, at); });
  }
  Result<At<std::vector<Change>>> history(const Call& call, VolumeId volume,
                                          const HistoryQuery& query) override {
    return pass(call, [&] { return below_.history(call, volume, query); });
  }
  Result<At<std::vector<VersionInfo>>> versions(const Call& call, VolumeId volume,
                                                const NodeRef& node) override {
    return pass(call, [&] { return below_.versions(call, volume, node); });
  }
  Result<SearchSummary> search(const Call& call, VolumeId volume, const SearchQuery& query,
                               const TakeSearched& take) override {
    return pass(call, [&] { return below_.search(call, volume, query, take); });
  }
  Result<std::unique_ptr<Subscription>> subscribe(const Call& call, VolumeId volume, Seq after,
                                                  std::shared_ptr<FeedSink> sink) override {
    return pass(call, [&] { return below_.subscribe(call, volume, after, std::move(sink)); });
  }
  void lock(const Call& call, VolumeId volume, const LockQuery& query, LockDone done) override {
    const Status passed = pass(call, [] { return success(); });
    if (!passed) return done(passed.error());
    below_.lock(call, volume, query, std::move(done));
  }
  Status settle(const Call& call, VolumeId volume, Seq seq) override {
    return pass(call, [&] { return below_.settle(call, volume, seq); });
  }

 private:
  template <class F>
  auto pass(const Call& call, F&& ask) -> decltype(ask()) {
    {
      const Cancellation::Hook wake(call.given_up, [this] {
        Lock lock(mutex_);
        thawed_.notify_all();
      });
      Lock lock(mutex_);
      ++waiting_;
      came_.notify_all();
      bool late = false;
      while (frozen_ && !late) {
        late = (call.given_up && call.given_up->requested()) ||
               !thawed_.wait_until(mutex_, call.deadline);
      }
      --waiting_;
      if (frozen_) return Error{Code::timed_out, "the server did not answer in time"};
    }
    return ask();
  }
  void set(bool frozen) {
    Lock lock(mutex_);
    frozen_ = frozen;
    thawed_.notify_all();
  }

  Store& below_;
  Mutex mutex_;
  Condition thawed_;
  Condition came_;
  std::size_t waiting_ GUARDED_BY(mutex_) = 0;
  bool frozen_ GUARDED_BY(mutex_) = false;
  bool lost_ GUARDED_BY(mutex_) = false;
};

// A store that forgets its deadlines: changes are answered when it is let go, whatever they were
// told. No real one does so; a mount must survive one that does.
class StuckStore final : public FrozenStore {
 public:
  explicit StuckStore(Store& below) : FrozenStore(below) {}

  void stick() { set_stuck(true); }
  void let_go() { set_stuck(false); }

  Result<Applied> apply(const Call& call, VolumeId volume, const Batch& batch) override {
    {
      Lock lock(mutex_);
      while (stuck_) freed_.wait(mutex_);
    }
    return FrozenStore::apply(call, volume, batch);
  }

 private:
  void set_stuck(bool stuck) {
    Lock lock(mutex_);
    stuck_ = stuck;
    freed_.notify_all();
  }

  Mutex mutex_;
  Condition freed_;
  bool stuck_ GUARDED_BY(mutex_) = false;
};

}  // namespace outboard::tests
