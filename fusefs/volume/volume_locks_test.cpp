// What a mount owes the store of its programs' locks: each is given up once, whatever was lost on
// the way. [S54]
#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <utility>
#include <vector>

#include "core/limits.h"
#include "core/memory_store.h"
#include "tests/mount/frozen_store.h"
#include "tests/support/seat.h"

namespace outboard::fusefs {
namespace {

constexpr OpenMode kBoth{true, true, false, false};

LockAsk ask(NodeId node, HandleId handle, std::uint64_t owner) {
  LockAsk wanted;
  wanted.node = node;
  wanted.handle = handle;
  wanted.owner = owner;
  wanted.kind = LockKind::exclusive;
  return wanted;
}

// Locks that wait are answered by the test.
class AskedStore final : public tests::FrozenStore {
 public:
  struct Waiting {
    Call call;
    VolumeId volume;
    LockQuery query;
    LockDone done;
  };

  using FrozenStore::FrozenStore;
  void lock(const Call& call, VolumeId volume, const LockQuery& query, LockDone done) override {
    if (away) return done(Error{Code::unavailable, "the server is away", {}});
    if (query.wait) return waiting.push_back({call, volume, query, std::move(done)});
    FrozenStore::lock(call, volume, query, [&](Result<LockAnswer> answer) {
      if (!query.kind && unlocked) std::exchange(unlocked, {})();
      done(std::move(answer));
    });
  }
  // Nobody is in its way any more.
  void grant(const Waiting& lock) {
    FrozenStore::lock(lock.call, lock.volume, lock.query, lock.done);
  }

  bool away = false;
  std::vector<Waiting> waiting;
  std::function<void()> unlocked;  // called once, before the next unlock is answered
};

// Takes nothing that is written, for as long as nobody is signed in.
class SignedOutStore final : public tests::FrozenStore {
 public:
  using FrozenStore::FrozenStore;
  Result<Applied> apply(const Call& call, VolumeId volume, const Batch& batch) override {
    if (signed_out) return Error{Code::unauthenticated, "the token has expired", {}};
    return FrozenStore::apply(call, volume, batch);
  }

  bool signed_out = false;
};

// A program that waits for a lock until it is interrupted.
class Waiter {
 public:
  void wait(Seat& seat, const LockAsk& wanted) {
    seat->await_lock_later(wanted, given_up_,
                           [this](const Status& status) { answered_.set_value(status); });
  }
  void interrupt() { given_up_->request(); }
  // Once it was answered.
  Status answer() { return answered_.get_future().get(); }

 private:
  std::shared_ptr<Cancellation> given_up_ = std::make_shared<Cancellation>();
  std::promise<Status> answered_;
};

class VolumeLocks : public ::testing::Test {
 protected:
  VolumeLocks() { store_.add_volume("acme/memory"); }

  // As `here` knows it; both do.
  static NodeId shared_file(Seat& here, Seat& there) {
    here.save("f", "0123");
    here.pump();
    there.pump();
    return here.id("f");
  }
  // Whether a program of `there` gets the file's lock.
  static bool is_free(Seat& there) {
    const NodeId id = there.id("f");
    const HandleId handle = there->open_file(id, kBoth)->handle;
    const bool got = there->try_lock(ask(id, handle, 3)).value();
    there->release(handle);
    return got;
  }

  SystemClock clock_;
  MemoryStore store_{clock_};
};

// Its bytes hold a killed program's lock until they are there, and another program publishes them:
// nothing but a look tells the mount.
TEST_F(VolumeLocks, S54_AKilledProgramsLockGoesThoughAnotherPublishedItsBytes) {
  ManualClock time;
  SignedOutStore server(store_);
  Seat here(server, time);
  Seat there(store_, clock_);
  const NodeId id = shared_file(here, there);
  const HandleId killed = here->open_file(id, kBoth)->handle;
  const HandleId lives = here->open_file(id, kBoth)->handle;
  const NodeId id_there = there.id("f");
  const LockAsk wanted = ask(id_there, there->open_file(id_there, kBoth)->handle, 3);
  ASSERT_TRUE(here->try_lock(ask(id, killed, 1)).value());
  ASSERT_TRUE(here->write(killed, 0, "abcd", false));
  server.signed_out = true;
  EXPECT_FALSE(here->flush(killed));
  here->end_locks(killed, 1);
  here->release(killed);
  time.advance(kLockLookInterval);
  here->publish_due();
  EXPECT_FALSE(there->try_lock(wanted).value()) << "what was written under it is not there";
  EXPECT_EQ(here->next_due(), time.now() + kLockLookInterval);
  server.signed_out = false;
  ASSERT_TRUE(here->flush(lives));
  time.advance(kLockLookInterval);
  here->publish_due();
  EXPECT_EQ(here->next_due(), Moment::max());
  there.pump();
  EXPECT_TRUE(there->try_lock(wanted).value());
  EXPECT_EQ(there.load(id_there), "abcd");
  here->release(lives);
  there->release(wanted.handle);
}

// Two threads of a program wait for the same bytes and are interrupted. While the store is told
// that the first one has nothing, the other's lock is granted, and nobody is there to hold it.
TEST_F(VolumeLocks, S54_WhatIsOwedWhileTheStoreIsToldIsToldBehindIt) {
  AskedStore server(store_);
  Seat here(server, clock_);
  Seat there(store_, clock_);
  const NodeId id = shared_file(here, there);
  const HandleId handle = here->open_file(id, kBoth)->handle;
  Waiter first;
  Waiter second;
  first.wait(here, ask(id, handle, 1));
  second.wait(here, ask(id, handle, 1));
  ASSERT_EQ(server.waiting.size(), 2U);
  first.interrupt();
  server.waiting[0].done(Error{Code::timed_out, "nobody waits for it", {}});
  EXPECT_FALSE(first.answer());
  server.unlocked = [&] {
    second.interrupt();
    server.grant(server.waiting[1]);
    EXPECT_FALSE(second.answer());
  };
  here->publish_due();
  EXPECT_FALSE(server.unlocked) << "the store was told";
  EXPECT_TRUE(is_free(there));
  here->release(handle);
}

TEST_F(VolumeLocks, S54_WhatTheStoreDidNotHearItIsToldAgain) {
  ManualClock time;
  AskedStore server(store_);
  Seat here(server, time);
  Seat there(store_, clock_);
  const NodeId id = shared_file(here, there);
  const HandleId handle = here->open_file(id, kBoth)->handle;
  ASSERT_TRUE(here->try_lock(ask(id, handle, 1)).value());
  server.away = true;
  here->end_locks(handle, 1);
  here->publish_due();
  EXPECT_EQ(here->next_due(), time.now() + kLockLookInterval);
  server.away = false;
  here->publish_due();
  EXPECT_EQ(here->next_due(), Moment::max());
  EXPECT_TRUE(is_free(there));
  here->release(handle);
}

}  // namespace
}  // namespace outboard::fusefs
