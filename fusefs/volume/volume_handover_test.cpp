// One mount of a volume hands it to another, as two processes do.
#include <gtest/gtest.h>

#include "core/feed.h"
#include "core/memory_store.h"
#include "fusefs/handover/packed.h"
#include "fusefs/volume/volume.h"

namespace outboard::fusefs {
namespace {

class Keeping final : public Invalidator {
 public:
  void post(std::vector<Notice> notices) override {
    for (Notice& notice : notices) seen.push_back(std::move(notice));
  }
  bool flushed(Moment) override { return true; }
  bool has_room(Moment) override { return true; }
  bool forget_names() override { return true; }
  std::vector<Notice> seen;
};

class Mount {
 public:
  Mount(MemoryStore& store, const Clock& clock) : store_(store), clock_(clock) {
    volume_ = MountedVolume::open(store, numbers_, kernel, clock, "acme/memory", {}, Moment::max())
                  .value();
    follow();
  }
  // The successor of `other`.
  Mount(Mount& other, std::string_view tables)
      : store_(other.store_), clock_(other.clock_), numbers_(other.numbers_.client()) {
    Packer pack;
    pack(other.numbers_);
    const std::string numbers = std::move(pack).take();
    Unpacker unpack(numbers);
    unpack(numbers_);
    volume_ = MountedVolume::take_over(store_, numbers_, kernel, clock_, other->view(),
                                       other->volume(), tables)
                  .value();
    follow();
  }

  MountedVolume* operator->() { return volume_.get(); }
  void pump() {
    while (auto item = feed_->next(Moment{})) volume_->absorb_feed(*item);
  }
  void save(std::string_view name, std::string_view bytes) {
    const HandleId handle = open(name);
    ASSERT_TRUE(volume_->write(handle, 0, bytes, false));
    ASSERT_TRUE(volume_->flush(handle));
    volume_->release(handle);
  }
  HandleId open(std::string_view name) {
    return volume_->create(kRootId, name, 0644, {true, true, false, false}, false, {})
        .value()
        .second.handle;
  }
  NodeId id(std::string_view name) { return volume_->lookup(kRootId, name).value().id; }
  std::uint64_t ino(NodeId id) { return volume_->attributes(id).value().ino; }
  std::string load(NodeId id) { return volume_->read(id, 0, 1U << 20U).value(); }
  std::vector<std::string> names_behind(std::uint64_t cookie) {
    std::vector<std::string> names;
    const auto behind = volume_->list(kRootId, cookie, 100, false).value();
    for (const Listed& listed : behind) names.push_back(listed.name);
    return names;
  }

  Keeping kernel;

 private:
  void follow() {
    feed_ = std::make_shared<FeedQueue>(1000);
    subscription_ = store_.subscribe(Call{}, volume_->volume().id, volume_->seq(), feed_).value();
  }

  MemoryStore& store_;
  const Clock& clock_;
  RequestNumbers numbers_{ClientId{random_uuid()}};
  std::shared_ptr<FeedQueue> feed_;
  std::unique_ptr<MountedVolume> volume_;
  std::unique_ptr<Subscription> subscription_;
};

class VolumeHandover : public ::testing::Test {
 protected:
  VolumeHandover() {
    store_.add_volume("acme/memory", {});
    here_ = std::make_unique<Mount>(store_, clock_);
    elsewhere_ = std::make_unique<Mount>(store_, clock_);
  }
  // Everybody knows what everybody has published.
  void meet() {
    here_->pump();
    elsewhere_->pump();
  }
  void hand_over() {
    former_ = std::move(here_);
    here_ = std::make_unique<Mount>(*former_, (*former_)->tables());
  }

  SystemClock clock_;
  MemoryStore store_{clock_};
  std::unique_ptr<Mount> former_, here_, elsewhere_;
};

TEST_F(VolumeHandover, S59_IdsShowWhatTheyShowedAndNoneIsGivenTwice) {
  here_->save("kept", "old");
  meet();
  const NodeId kept = here_->id("kept");
  elsewhere_->save("kept", "new");
  meet();
  const NodeId current = here_->id("kept");
  ASSERT_NE(kept, current);
  const std::uint64_t old_ino = here_->ino(kept);
  const std::uint64_t new_ino = here_->ino(current);
  hand_over();
  EXPECT_EQ(here_->load(kept), "old");
  EXPECT_EQ(here_->load(current), "new");
  EXPECT_EQ(here_->ino(kept), old_ino);
  EXPECT_EQ(here_->ino(current), new_ino);
  EXPECT_EQ(here_->id("kept"), current);
  here_->save("another", "");
  EXPECT_GT(here_->id("another"), current);
  (*here_)->forget(kept, 1'000);
  EXPECT_FALSE((*here_)->attributes(kept));
}

TEST_F(VolumeHandover, S59_UnsavedBytesStayUnsavedAndArePublishedOnce) {
  here_->save("file", "0123456789");
  meet();
  const HandleId handle = here_->open("file");
  const NodeId file = here_->id("file");
  ASSERT_TRUE((*here_)->write(handle, 3, "abc", false));
  hand_over();
  EXPECT_EQ(here_->load(file), "012abc6789");
  meet();
  EXPECT_EQ(elsewhere_->load(elsewhere_->id("file")), "0123456789");
  ASSERT_TRUE((*here_)->flush(handle));
  (*here_)->release(handle);
  meet();
  EXPECT_EQ(elsewhere_->load(elsewhere_->id("file")), "012abc6789");
  EXPECT_EQ(here_->id("file"), file);
}

// [S35] Also what of the bytes that a descriptor shows has been merged into the file.
TEST_F(VolumeHandover, S59_WhatWasMergedIsKnownToTheNext) {
  VolumeSettings settings;
  settings.policy = Policy::merge;
  store_.change_volume((*here_)->volume().id, settings);
  here_->save("file", "1\n2\n3\n4\n5\n");
  meet();
  const HandleId handle = here_->open("file");
  const NodeId file = here_->id("file");
  elsewhere_->save("file", "I\n2\n3\n4\n5\n");
  ASSERT_TRUE((*here_)->write(handle, 4, "c", false));
  ASSERT_TRUE((*here_)->flush(handle));
  hand_over();
  ASSERT_TRUE((*here_)->write(handle, 6, "d", false));
  ASSERT_TRUE((*here_)->flush(handle));
  // What could not be merged stands beside, and is taken back: what was merged before it still is.
  ASSERT_TRUE((*here_)->write(handle, 0, "x", false));
  ASSERT_TRUE((*here_)->flush(handle));
  hand_over();
  ASSERT_TRUE((*here_)->write(handle, 0, "1", false));
  ASSERT_TRUE((*here_)->write(handle, 8, "e", false));
  ASSERT_TRUE((*here_)->flush(handle));
  EXPECT_EQ(here_->load(file), "1\n2\nc\nd\ne\n");
  meet();
  EXPECT_EQ(elsewhere_->load(elsewhere_->id("file")), "I\n2\nc\nd\ne\n");
  EXPECT_EQ((*elsewhere_)->list(kRootId, 2, 10, false)->size(), 2U);
  (*here_)->release(handle);
}

TEST_F(VolumeHandover, S12_S59_WhatWaitsToBeToldIsHandedOver) {
  (*here_)->set_teller(1);
  elsewhere_->save("made", "x");
  meet();
  ASSERT_TRUE((*here_)->pause_tellings(Moment{}));
  hand_over();
  (*here_)->set_teller(2);
  const auto made = (*here_)->next_telling();
  EXPECT_EQ(made->tale, Tale::made);
  EXPECT_EQ(made->after_path, "/made");
  EXPECT_FALSE((*here_)->pause_tellings(Moment{})) << "one is under way";
  EXPECT_EQ((*here_)->next_telling()->tale, Tale::changed);
}

TEST_F(VolumeHandover, S59_AListingGoesOnAtItsPlace) {
  for (const char* name : {"a", "b", "c", "d"}) here_->save(name, "");
  meet();
  ASSERT_TRUE((*here_)->remove(kRootId, "b", false));
  here_->save("b", "");
  const auto all = (*here_)->list(kRootId, 2, 2, false).value();
  const auto behind = here_->names_behind(all.back().cookie);
  hand_over();
  EXPECT_EQ(here_->names_behind(all.back().cookie), behind);
}

TEST_F(VolumeHandover, S59_AWriterIsRefusedByAnOldNameOnlyUntilTheKernelHasDroppedIt) {
  here_->save("file", "old");
  meet();
  const NodeId old = here_->id("file");
  elsewhere_->save("file", "new");
  meet();
  const OpenMode writing{true, true, false, false};
  ASSERT_FALSE((*here_)->open_file(old, writing));
  const std::vector<Notice> pending = here_->kernel.seen;
  hand_over();
  (*here_)->announce_again(pending);
  EXPECT_FALSE((*here_)->open_file(old, writing));
  for (const Notice& notice : here_->kernel.seen) {
    if (notice.delivered) notice.delivered->store(true);
  }
  EXPECT_TRUE((*here_)->open_file(old, writing));
  // What the former one had delivered by itself nobody waits for.
  hand_over();
  (*here_)->announce_again({});
  EXPECT_TRUE((*here_)->open_file(old, writing));
}

TEST_F(VolumeHandover, S59_LocksAreHeldAsTheyWere) {
  here_->save("file", "x");
  meet();
  LockAsk ask;
  ask.handle = here_->open("file");
  ask.node = here_->id("file");
  ask.owner = 7;
  ask.kind = LockKind::exclusive;
  ASSERT_TRUE((*here_)->try_lock(ask).value());
  hand_over();
  LockAsk other = ask;
  other.node = elsewhere_->id("file");
  other.handle = elsewhere_->open("file");
  EXPECT_FALSE((*elsewhere_)->try_lock(other).value());
  (*here_)->end_locks(ask.handle, ask.owner);
  EXPECT_TRUE((*elsewhere_)->try_lock(other).value());
}

TEST_F(VolumeHandover, S59_TablesThatCannotBeReadAreRefused) {
  RequestNumbers numbers{ClientId{random_uuid()}};
  const std::string tables = (*here_)->tables();
  for (const std::string& wrong :
       {std::string(), tables.substr(0, tables.size() / 2), tables + "x"}) {
    const auto taken = MountedVolume::take_over(store_, numbers, here_->kernel, clock_,
                                                (*here_)->view(), (*here_)->volume(), wrong);
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().code, Code::corrupt);
  }
}

}  // namespace
}  // namespace outboard::fusefs
