// A mounted volume on a MemoryStore, with an Invalidator that only remembers, and no threads: the
// feed is pumped by hand, so every order of events can be had.
#include "fusefs/volume/volume.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "core/memory_store.h"
#include "tests/mount/frozen_store.h"
#include "tests/support/seat.h"

namespace outboard::fusefs {
namespace {

class VolumeTest : public ::testing::Test {
 protected:
  VolumeTest() : volume_(store_.add_volume("acme/memory")) {}

  SystemClock clock_;
  MemoryStore store_{clock_};
  VolumeId volume_;
};

// [S7] What the kernel remembers of a volume that becomes strict counts as acknowledged once it has
// been told to forget it, and where it goes on remembering names, once each change has reached it.
TEST_F(VolumeTest, AKernelThatRemembersIsSaidToUntilItHasForgotten) {
  for (const bool has_epochs : {true, false}) {
    Seat seat(store_, clock_);
    seat.notices.has_epochs = has_epochs;
    seat.save("f" + std::to_string(has_epochs), "one");
    seat.pump();
    const NodeId known = seat.id("f" + std::to_string(has_epochs));
    EXPECT_TRUE(seat->remembers()) << "it is not strict";
    seat->set_strict(true);
    EXPECT_FALSE(seat->lookup(kRootId, "f" + std::to_string(has_epochs))->lasting);
    seat.notices.arrives = false;
    EXPECT_TRUE(seat->remembers()) << "it has not heard of it";
    seat.notices.arrives = true;
    EXPECT_FALSE(seat->remembers());
    EXPECT_TRUE(
        std::any_of(seat.notices.seen.begin(), seat.notices.seen.end(), [&](const Notice& notice) {
          return notice.kind == NoticeKind::content && notice.node == known;
        }));
    EXPECT_EQ(seat.notices.count(NoticeKind::name_gone) > 0, !has_epochs);
    seat.notices.arrives = false;
    EXPECT_EQ(seat->remembers(), !has_epochs) << "a change is under way";
    seat->set_strict(false);
    EXPECT_TRUE(seat->remembers());
    EXPECT_TRUE(seat->lasting());
  }
}

// Holds what is written until it is let go, and nothing else.
class SlowStore final : public tests::FrozenStore {
 public:
  using FrozenStore::FrozenStore;
  Result<Applied> apply(const Call& call, VolumeId volume, const Batch& batch) override {
    const auto& op = batch.steps.front().op;
    {
      Lock lock(mutex_);
      times_set_ = times_set_ || std::holds_alternative<SetAttributes>(op);
      held_ = held_ || std::holds_alternative<Write>(op);
      changed_.notify_all();
      while (std::holds_alternative<Write>(op) && !let_go_) changed_.wait(mutex_);
    }
    return FrozenStore::apply(call, volume, batch);
  }
  void wait_for_write() {
    Lock lock(mutex_);
    while (!held_) changed_.wait(mutex_);
  }
  bool sets_times_by(Moment until) {
    Lock lock(mutex_);
    while (!times_set_) {
      if (!changed_.wait_until(mutex_, until)) return false;
    }
    return true;
  }
  void let_go() {
    Lock lock(mutex_);
    let_go_ = true;
    changed_.notify_all();
  }

 private:
  Mutex mutex_;
  Condition changed_;
  bool held_ GUARDED_BY(mutex_) = false;
  bool times_set_ GUARDED_BY(mutex_) = false;
  bool let_go_ GUARDED_BY(mutex_) = false;
};

// [S10] The truncation is published behind the close; the time that is set next is not its own.
TEST_F(VolumeTest, ATimeComesBehindWhatIsBeingPublished) {
  SlowStore server(store_);
  Seat seat(server, clock_);
  const auto made = seat->create(kRootId, "f", 0644, {true, true, false, false}, false, {}).value();
  const NodeId id = made.first.id;
  const auto& opened = made.second;
  AttributeChange shorter;
  shorter.size = 100;
  ASSERT_TRUE(seat->set_attributes(id, shorter, opened.handle));
  std::thread closing([&] { seat->release(opened.handle); });
  server.wait_for_write();
  const Timestamp then{1'000'000'000};
  std::thread setting([&] {
    AttributeChange times;
    times.modified = then;
    EXPECT_TRUE(seat->set_attributes(id, times, {}));
  });
  EXPECT_FALSE(server.sets_times_by(clock_.now() + std::chrono::milliseconds(200)));
  server.let_go();
  closing.join();
  setting.join();
  NameRef name{std::string("/"), "f"};
  EXPECT_EQ(store_.lookup(Call{}, volume_, name, {})->value.node.attributes.modified, then);
}

// [S7, S50] A server that does not know how far other mounts have come is served as it was.
TEST_F(VolumeTest, AnOlderServersStrictVolumeIsShown) {
  class OlderStore final : public tests::FrozenStore {
   public:
    using FrozenStore::FrozenStore;
    Status settle(const Call& call, VolumeId volume, Seq seq) override {
      return Store::settle(call, volume, seq);
    }
  };
  VolumeSettings strict;
  strict.strict = true;
  store_.add_volume("acme/ledger", strict);
  OlderStore server(store_);
  Seat seat(server, clock_, "acme/ledger");
  seat->set_stale(false);
  EXPECT_EQ(seat->lookup(kRootId, "none").error().code, Code::not_found);
}

// [S7] Whom the store does not count has no lease to believe in: it asks each time.
TEST_F(VolumeTest, WhoIsNotCountedAsksEachTime) {
  VolumeSettings strict;
  strict.strict = true;
  store_.add_volume("acme/ledger", strict);
  tests::FrozenStore server(store_);
  View view;
  view.read_deadline = std::chrono::milliseconds(100);
  Seat seat(server, clock_, "acme/ledger", view);
  seat->set_stale(false);
  bool counted = false;
  seat->watch_counted([&] { return counted; });
  const auto shown = [&] { return seat->lookup(kRootId, "none").error().code == Code::not_found; };
  EXPECT_TRUE(shown());
  server.freeze();
  EXPECT_FALSE(shown()) << "what it had asked before counts for nothing";
  server.thaw();
  counted = true;
  EXPECT_TRUE(shown());
  server.freeze();
  EXPECT_TRUE(shown()) << "for its lease it need not ask";
}

// [S55] A daemon that slept asks before it shows names, and what it cannot ask for it shows as
// stale: nobody waits for long.
TEST_F(VolumeTest, WhoSleptCatchesUpBeforeItShowsNames) {
  Seat writer(store_, clock_);
  Seat sleeper(store_, clock_);
  writer.save("f", "new");
  bool slept = true;
  sleeper->watch_sleep([&] { return std::exchange(slept, false); });
  const Moment begun = clock_.now();
  EXPECT_FALSE(sleeper->lookup(kRootId, "f")) << "nothing comes: it is shown as it was";
  EXPECT_GE(clock_.now() - begun, kWakeWait);
  EXPECT_LT(clock_.now() - begun, 3 * kWakeWait);
  EXPECT_TRUE(sleeper->stale());
  EXPECT_FALSE(sleeper->lookup(kRootId, "f")) << "and nobody waits twice";
  EXPECT_LT(clock_.now() - begun, 3 * kWakeWait);
  sleeper->doubt();
  std::thread wakes([&] {
    sleeper.pump();
    EXPECT_TRUE(sleeper->reach_head(clock_.now() + kWakeWait));
  });
  EXPECT_TRUE(sleeper->lookup(kRootId, "f"));
  wakes.join();
  EXPECT_FALSE(sleeper->stale());
}

TEST_F(VolumeTest, OwnChangesAreNotAnnounced) {
  Seat seat(store_, clock_);
  seat.save("f", "one");
  ASSERT_TRUE(seat->rename(kRootId, "f", kRootId, "g", RenameMode::replace));
  seat.pump();
  EXPECT_TRUE(seat.notices.seen.empty());
  EXPECT_EQ(seat.load(seat.id("g")), "one");
}

// [S1] The kernel's release of one writer comes when the next one is in the middle of its work.
TEST_F(VolumeTest, S5_AKernelThatDoesNotForgetMayRememberNothing) {
  View careful;
  careful.kernel_forgets = false;
  Seat trusted(store_, clock_);
  Seat asked(store_, clock_, "acme/memory", careful);
  trusted.save("f", "x");
  asked.pump();
  EXPECT_TRUE(trusted->lookup(kRootId, "f")->lasting);
  EXPECT_FALSE(asked->lookup(kRootId, "f")->lasting);
  const auto opened = asked->open_file(asked.id("f"), {});
  EXPECT_FALSE(opened->keep_cache);
  EXPECT_FALSE(asked->lasting());
}

TEST_F(VolumeTest, ALateReleasePublishesNothingOfTheNextWriter) {
  Seat here(store_, clock_);
  Seat there(store_, clock_);
  here.save("f", "old and long");
  there.pump();
  const OpenMode mode{true, true, false, true};
  const NodeId id = here.id("f");
  const HandleId first = here->open_file(id, mode)->handle;
  ASSERT_TRUE(here->write(first, 0, "first", false));
  ASSERT_TRUE(here->flush(first));
  const HandleId second = here->open_file(id, mode)->handle;
  here->release(first);
  there.pump();
  EXPECT_EQ(there.load(there.id("f")), "first");  // not the truncation
  const HandleId third = here->open_file(id, mode)->handle;
  ASSERT_TRUE(here->write(third, 0, "half of", false));
  here->release(second);
  there.pump();
  EXPECT_EQ(there.load(there.id("f")), "first");
  ASSERT_TRUE(here->write(third, 7, " the third", false));
  ASSERT_TRUE(here->flush(third));
  here->release(third);
  there.pump();
  EXPECT_EQ(there.load(there.id("f")), "half of the third");
}

TEST_F(VolumeTest, ARemoteOverwriteRetiresTheId) {
  Seat here(store_, clock_);
  Seat there(store_, clock_);
  here.save("f", "old");
  there.pump();
  const NodeId old = there.id("f");
  const NodeId own = here.id("f");
  here.save("f", "newer");
  there.pump();
  const NodeId now = there.id("f");
  EXPECT_NE(old, now);
  EXPECT_EQ(there.load(old), "old");
  EXPECT_EQ(there.load(now), "newer");
  EXPECT_EQ(there->attributes(old)->attributes.links, 0U);
  EXPECT_EQ(here.id("f"), own);
}

TEST_F(VolumeTest, AnAppendKeepsTheIdAndDropsOnlyTheTail) {
  Seat here(store_, clock_);
  Seat there(store_, clock_);
  here.save("log", "one\n", true);
  there.pump();
  const NodeId id = there.id("log");
  here.save("log", "two\n", true);
  there.pump();
  EXPECT_EQ(there.id("log"), id);
  ASSERT_EQ(there.notices.count(NoticeKind::content), 1U);
  EXPECT_EQ(there.notices.seen.back().from, 4U);
  EXPECT_EQ(there.load(id), "one\ntwo\n");
}

TEST_F(VolumeTest, AnAppendWithOthersBetweenWaitsForTheFeed) {
  Seat here(store_, clock_);
  Seat there(store_, clock_);
  here.save("log", "0\n", true);
  there.pump();
  const NodeId id = there.id("log");
  here.save("log", "here\n", true);
  there.save("log", "there\n", true);  // before the feed told of the other
  EXPECT_EQ(there.load(id), "0\nthere\n");
  there.pump();
  EXPECT_EQ(there.load(id), "0\nhere\nthere\n");
  EXPECT_EQ(there.id("log"), id);
}

// [S4]
TEST_F(VolumeTest, UnsavedBytesOutliveARemoteOverwrite) {
  Seat here(store_, clock_);
  Seat there(store_, clock_);
  here.save("f", "base");
  there.pump();
  const NodeId old = there.id("f");
  const auto open = there->open_file(old, {true, true, false, false}).value();
  ASSERT_TRUE(there->write(open.handle, 0, "B", false));
  here.save("f", "other");
  there.pump();
  EXPECT_EQ(there.load(old), "Base");
  EXPECT_EQ(there.load(there.id("f")), "other");
  ASSERT_TRUE(there->flush(open.handle));  // last writer: both stay in history
  EXPECT_EQ(there.load(old), "Base");
  EXPECT_EQ(there.load(there.id("f")), "Base");
  there->release(open.handle);
  here.pump();
  EXPECT_EQ(here.load(here.id("f")), "Base");
}

TEST_F(VolumeTest, NewsFromTheFeedNeverUndoesAnAnswer) {
  Seat here(store_, clock_);
  Seat there(store_, clock_);
  here.save("f", "x");
  here.save("g", "y");
  ASSERT_TRUE(here->rename(kRootId, "f", kRootId, "h", RenameMode::replace));
  there.pump();
  ASSERT_TRUE(here->rename(kRootId, "g", kRootId, "h", RenameMode::replace));
  ASSERT_TRUE(there->rename(kRootId, "h", kRootId, "i", RenameMode::replace));
  there.pump();
  here.pump();
  EXPECT_FALSE(there->lookup(kRootId, "h"));
  EXPECT_EQ(there.load(there.id("i")), "y");
  EXPECT_EQ(here.load(here.id("i")), "y");
}

TEST_F(VolumeTest, ANewTreeTellsAllDifferences) {
  Seat here(store_, clock_);
  Seat there(store_, clock_);
  here.save("stays", "1");
  here.save("goes", "2");
  there.pump();
  const NodeId stays = there.id("stays");
  const NodeId goes = there.id("goes");
  here.save("stays", "changed");
  here.save("comes", "3");
  ASSERT_TRUE(here->remove(kRootId, "goes", false));
  ASSERT_TRUE(there->resynchronise(Moment::max()));
  EXPECT_EQ(there.load(stays), "1");
  EXPECT_EQ(there.load(goes), "2");
  EXPECT_EQ(there.load(there.id("stays")), "changed");
  EXPECT_FALSE(there->lookup(kRootId, "goes"));
  EXPECT_TRUE(there->lookup(kRootId, "comes"));
  EXPECT_GE(there.notices.count(NoticeKind::name_gone), 2U);
  EXPECT_GE(there.notices.count(NoticeKind::name_new), 1U);
}

TEST_F(VolumeTest, AgedAppendsArePublishedWithoutAFlush) {
  ManualClock time;
  Seat here(store_, time);
  auto made = here->create(kRootId, "log", 0644, {true, true, true, false}, true, {}).value();
  ASSERT_TRUE(here->write(made.second.handle, 0, "line\n", true));
  const Seq before = here->seq();
  here->publish_due();
  EXPECT_EQ(here->next_due(), time.now() + kAppendAge);
  time.advance(kAppendAge);
  here->publish_due();
  here.pump();
  EXPECT_GT(here->seq(), before);
  EXPECT_EQ(here->next_due(), Moment::max());
  here->release(made.second.handle);
}

// [S4] What is laid over an append is laid over what was shown behind it, and not over the version
// in which it landed, which has others' bytes before it.
TEST_F(VolumeTest, S4_WhatIsWrittenOverAnAppendBehindOthersIsNotLaidOverTheirs) {
  for (const Policy policy : {Policy::last_writer, Policy::merge, Policy::refuse}) {
    const std::string name = "acme/policy" + std::to_string(static_cast<int>(policy));
    VolumeSettings settings;
    settings.policy = policy;
    store_.add_volume(name, settings);
    Seat here(store_, clock_, name);
    Seat there(store_, clock_, name);
    here.save("f", "1\n2\n3\n");
    there.pump();
    const NodeId shown = there.id("f");
    const HandleId open = there->open_file(shown, OpenMode{true, true, false, false})->handle;
    here.save("f", "theirs\n", true);
    ASSERT_TRUE(there->write(open, 0, "mine\n", true));
    ASSERT_TRUE(there->flush(open));
    ASSERT_TRUE(there->write(open, 0, "X", false));
    EXPECT_EQ(there.load(shown), "X\n2\n3\nmine\n");
    const auto flushed = there->flush(open);
    here.pump();
    const std::string now = here.load(here.id("f"));
    switch (policy) {
      case Policy::last_writer: EXPECT_EQ(now, "X\n2\n3\nmine\n"); break;
      case Policy::merge: EXPECT_EQ(now, "X\n2\n3\ntheirs\nmine\n"); break;
      case Policy::refuse: EXPECT_EQ(now, "1\n2\n3\ntheirs\nmine\n"); break;
    }
    EXPECT_EQ(bool(flushed), policy != Policy::refuse);
    there.pump();
    there->release(open);
  }
}

// [S30] Redacted bytes are dropped here too, whoever shows them: by name or through a descriptor.
TEST_F(VolumeTest, S30_RedactedBytesAreReadNoMore) {
  Seat here(store_, clock_);
  Seat there(store_, clock_);
  here.save("f", "the old secret");
  here.save("g", "harmless");
  there.pump();
  const NodeId old = there.id("f");
  const HandleId handle = there->open_file(old, OpenMode{true, false, false, false})->handle;
  EXPECT_EQ(there.load(old), "the old secret");
  EXPECT_EQ(there.load(there.id("g")), "harmless");
  here.save("f", "the new secret");
  there.pump();
  const NodeId now = there.id("f");
  EXPECT_EQ(there.load(now), "the new secret");
  EXPECT_EQ(there.load(old), "the old secret");
  there.notices.seen.clear();
  const Inode inode = store_.lookup({}, volume_, NameRef{kRootInode, "f"}, {})->value.node.inode;
  Batch batch;
  batch.steps.push_back(Step{Redact{inode, {}}, {}});
  ASSERT_TRUE(store_.apply(internal_call(Moment::max()), volume_, batch));
  there.pump();
  for (const NodeId node : {old, now}) {
    EXPECT_EQ(there->read(node, 0, 100).error().code, Code::corrupt);
    EXPECT_TRUE(std::any_of(
        there.notices.seen.begin(), there.notices.seen.end(), [&](const Notice& notice) {
          return notice.kind == NoticeKind::content && notice.node == node && notice.from == 0;
        }));
  }
  EXPECT_EQ(there.load(there.id("g")), "harmless");
  there->release(handle);
}

// A write as a session's tool call makes it, past every mount.
void write_as(Store& store, VolumeId volume, const Caller& who, std::string_view bytes) {
  Batch batch;
  Publish op;
  op.at = {kRootInode, "f"};
  op.bytes = bytes;
  batch.steps.push_back(Step{std::move(op), {}});
  ASSERT_TRUE(store.apply(Call{Moment::max(), who}, volume, batch));
}

// For programs, who have no control socket.
TEST_F(VolumeTest, S6_ABarrierIsAnAttributeThatIsRead) {
  Seat seat(store_, clock_);
  seat.save("f", "one");
  seat.pump();
  const NodeId file = seat.id("f");
  write_as(store_, volume_, internal_call(Moment::max()).caller, "two");
  std::optional<Result<std::string>> answer;
  std::thread program([&] { answer = seat->xattr(kRootId, "user.outboard.barrier"); });
  seat.pump();
  program.join();
  ASSERT_TRUE(*answer) << answer->error().message;
  EXPECT_EQ(**answer, to_string(seat->seq()));
  EXPECT_EQ(seat.load(seat.id("f")), "two");
  EXPECT_TRUE(seat->xattr(file, "user.outboard.barrier"));
  EXPECT_TRUE(seat->xattr_names(file)->empty());
}

// [S11] Of the bytes that an id shows, not of those that came after; changed modes hide nothing.
TEST_F(VolumeTest, S11_AttributesTellWhoMadeTheBytesThatAreShown) {
  Seat seat(store_, clock_);
  Caller ada = internal_call(Moment::max()).caller;
  ada.principal = "ada";
  Caller agent = ada;
  agent.principal = "grace";
  agent.session = SessionId{random_uuid()};
  agent.turn = 7;
  agent.op = OpId{random_uuid()};
  write_as(store_, volume_, ada, "by hand");
  seat.pump();
  const NodeId old = seat.id("f");
  const HandleId handle = seat->open_file(old, OpenMode{true, false, false, false})->handle;
  const std::string made_at = seat->xattr(old, "user.outboard.changed_seq").value();
  write_as(store_, volume_, agent, "by a session");
  seat.pump();
  const NodeId now = seat.id("f");
  ASSERT_NE(now, old);
  for (std::uint32_t mode = 0; mode < 40; ++mode) {
    AttributeChange change;
    change.mode = 0600 + mode % 8;
    ASSERT_TRUE(seat->set_attributes(now, change, {}));
  }
  const auto told = [&](NodeId node, std::string_view name) {
    auto value = seat->xattr(node, "user.outboard." + std::string(name));
    return value ? *value : std::string(name_of(value.error().code));
  };
  EXPECT_EQ(told(now, "author"), "grace");
  EXPECT_EQ(told(now, "session"), to_string(agent.session));
  EXPECT_EQ(told(now, "turn"), "7");
  EXPECT_EQ(told(now, "call"), to_string(agent.op));
  EXPECT_EQ(told(now, "version"), "2");
  EXPECT_EQ(told(old, "author"), "ada");
  EXPECT_EQ(told(old, "version"), "1");
  EXPECT_EQ(told(old, "changed_seq"), made_at);
  for (const std::string_view none : {"session", "turn", "call", "mood"}) {
    EXPECT_EQ(told(old, none), "not_found") << none;
  }
  EXPECT_TRUE(seat->xattr_names(now)->empty());
  EXPECT_EQ(seat->set_xattr(now, "user.outboard.call", "mine", {}).error().code, Code::no_access);
  seat->release(handle);
}

}  // namespace
}  // namespace outboard::fusefs
