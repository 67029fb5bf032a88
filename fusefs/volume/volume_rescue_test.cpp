// What is refused, or may have happened or not, when nobody waits for it any more.
#include <gtest/gtest.h>

#include <functional>
#include <variant>

#include "core/memory_store.h"
#include "tests/mount/frozen_store.h"
#include "tests/support/seat.h"

namespace outboard::fusefs {
namespace {

constexpr OpenMode kWriting{true, true, false, false};
constexpr OpenMode kAppending{true, true, true, false};
constexpr std::uint64_t kMebibyte = 1U << 20U;

// Refuses to write while it is to, and lets a test do something before each commit.
class RefusingStore final : public tests::FrozenStore {
 public:
  using FrozenStore::FrozenStore;
  Result<Applied> apply(const Call& call, VolumeId volume, const Batch& batch) override {
    const Op op = batch.steps.front().op;
    if (before) before(op);
    if (refuses && std::holds_alternative<Write>(op)) {
      return Error{Code::no_space, "the quota is used up", "f"};
    }
    return FrozenStore::apply(call, volume, batch);
  }
  Result<At<Content>> read(const Call& call, VolumeId volume, Inode inode, Version version,
                           std::uint64_t offset, std::size_t size) override {
    if (!before_read) return FrozenStore::read(call, volume, inode, version, offset, size);
    before_read(call);
    return Error{Code::timed_out, "the server does not answer", {}};
  }
  std::function<void(const Op&)> before;
  std::function<void(const Call&)> before_read;  // set: nothing is read
  bool refuses = false;
};

// The store's, which goes ahead of the mount's.
class AheadClock final : public Clock {
 public:
  explicit AheadClock(const Clock& of) : of_(of) {}
  Moment now() const override { return of_.now(); }
  Timestamp wall() const override { return {of_.wall().nanoseconds + by.count()}; }
  std::chrono::nanoseconds by{0};

 private:
  const Clock& of_;
};

class RescueTest : public ::testing::Test {
 protected:
  RescueTest() : volume_(store_.add_volume("acme/memory")) { seat_.emplace(slow_, clock_); }

  MountedVolume& mount() { return *seat_->operator->(); }
  HandleId made(const OpenMode& mode) {
    return mount().create(kRootId, "f", 0644, mode, false, {}).value().second.handle;
  }
  NodeId file() { return seat_->id("f"); }
  std::vector<Entry> stored() {
    return store_.list(Call{}, volume_, kRootInode, {}, 100, {}).value().value.entries;
  }
  std::string bytes(const Entry& entry, std::uint64_t offset = 0) {
    return store_.read(Call{}, volume_, entry.node.inode, Version{0}, offset, kMebibyte)
        .value()
        .value.bytes;
  }

  ManualClock clock_;
  AheadClock theirs_{clock_};
  MemoryStore store_{theirs_};
  RefusingStore slow_{store_};
  VolumeId volume_;
  std::optional<Seat> seat_;
};

// [S65] A copy is made in parts; what is unsaved may be in any of them.
TEST_F(RescueTest, S2_WhatIsRefusedStandsBesideToItsLastByte) {
  constexpr std::uint64_t kEnd = 20 * kMebibyte;
  const HandleId handle = made(kWriting);
  ASSERT_TRUE(mount().write(handle, 0, "first", false));
  ASSERT_TRUE(mount().write(handle, kEnd, "last", false));
  slow_.refuses = true;
  EXPECT_EQ(mount().flush(handle).error().code, Code::no_space);
  mount().release(handle);
  const auto entries = stored();
  ASSERT_EQ(entries.size(), 2u);
  const Entry& copy = entries[1];
  EXPECT_TRUE(copy.dentry.name.starts_with("f.conflict-")) << copy.dentry.name;
  EXPECT_EQ(copy.node.attributes.size, kEnd + 4);
  EXPECT_EQ(bytes(copy).substr(0, 6), std::string("first\0", 6));
  EXPECT_EQ(bytes(copy, kEnd), "last");
  EXPECT_EQ(mount().attributes(file())->attributes.size, 0u);
}

TEST_F(RescueTest, S2_WhoWritesWhileACopyIsMadeLosesNothing) {
  const HandleId handle = made(kWriting);
  ASSERT_TRUE(mount().write(handle, 0, "refused", false));
  slow_.refuses = true;
  EXPECT_FALSE(mount().flush(handle));
  HandleId later;
  slow_.before = [&](const Op& op) {
    if (!std::holds_alternative<Publish>(op)) return;
    later = mount().open_file(file(), kWriting)->handle;
    ASSERT_TRUE(mount().write(later, 7, ", later", false));
  };
  mount().release(handle);
  ASSERT_TRUE(later);
  slow_.before = nullptr;
  slow_.refuses = false;
  EXPECT_TRUE(mount().flush(later));
  mount().release(later);
  EXPECT_EQ(bytes(stored().front()), "refused, later");
}

TEST_F(RescueTest, S2_ATruncationByNameThatIsRefusedIsNotShownNorKept) {
  const HandleId handle = made(kWriting);
  ASSERT_TRUE(mount().write(handle, 0, "whole", false));
  ASSERT_TRUE(mount().flush(handle));
  mount().release(handle);
  slow_.refuses = true;
  AttributeChange longer;
  longer.size = kMebibyte;
  EXPECT_EQ(mount().set_attributes(file(), longer, {}).error().code, Code::no_space);
  EXPECT_EQ(mount().attributes(file())->attributes.size, 5u);
  EXPECT_EQ(mount().next_due(), Moment::max());
  clock_.advance(2 * kAppendAge);
  mount().publish_due();
  EXPECT_EQ(stored().size(), 1u);
}

// An answer is lost; the file stays open, and half of its next content is written.
TEST_F(RescueTest, S2_WhatIsInDoubtGoesAgainWhileItsFileIsOpen) {
  for (const OpenMode& mode : {kAppending, kWriting}) {
    const HandleId handle = made(mode);
    ASSERT_TRUE(mount().write(handle, 0, "once", mode.append));
    slow_.lose_answers(true);
    EXPECT_EQ(mount().flush(handle).error().code, Code::unavailable);
    slow_.lose_answers(false);
    if (!mode.append) {
      ASSERT_TRUE(mount().write(handle, 0, "half", false));
    }
    int sent = 0;
    slow_.before = [&](const Op&) { ++sent; };
    EXPECT_LT(mount().next_due(), Moment::max());
    clock_.advance(2 * kAppendAge);
    mount().publish_due();
    slow_.before = nullptr;
    EXPECT_EQ(sent, 1);
    EXPECT_EQ(mount().next_due(), Moment::max());
    EXPECT_EQ(bytes(stored().front()), "once");
    mount().release(handle);
    ASSERT_TRUE(mount().remove(kRootId, "f", false));
  }
}

// The kernel asks again at once for what it had read ahead in vain.
TEST_F(RescueTest, S9_WhoHasWaitedForContentDoesNotWaitAgainAtOnce) {
  Publish publish;
  publish.at = {kRootInode, "theirs"};
  publish.bytes = "bytes";
  Batch batch;
  batch.steps.push_back(Step{publish, {}});
  ASSERT_TRUE(store_.apply(Call{}, volume_, batch));
  seat_->pump();
  const NodeId theirs = seat_->id("theirs");
  std::vector<Moment> deadlines;
  slow_.before_read = [&](const Call& call) { deadlines.push_back(call.deadline); };
  EXPECT_EQ(mount().read(theirs, 0, 5).error().code, Code::timed_out);
  EXPECT_EQ(mount().read(theirs, 0, 5).error().code, Code::timed_out);
  clock_.advance(std::chrono::seconds(1));
  EXPECT_EQ(mount().read(theirs, 0, 5).error().code, Code::timed_out);
  const Moment now = clock_.now();
  EXPECT_EQ(deadlines, (std::vector{now - std::chrono::seconds(1) + kReadDeadline,
                                    now - std::chrono::seconds(1), now + kReadDeadline}));
  slow_.before_read = nullptr;
  EXPECT_EQ(mount().read(theirs, 0, 5).value(), "bytes");
}

TEST_F(RescueTest, S9_WhatIsBeingPublishedIsNotDue) {
  const HandleId handle = made(kAppending);
  ASSERT_TRUE(mount().write(handle, 0, "line", true));
  EXPECT_LT(mount().next_due(), Moment::max());
  Moment due = Moment::min();
  slow_.before = [&](const Op&) { due = mount().next_due(); };
  mount().release(handle);
  EXPECT_EQ(due, Moment::max());
}

TEST_F(RescueTest, S1_AnAppendBehindATruncationThatCutNothingIsDueToo) {
  int woken = 0;
  mount().on_dirty([&] { ++woken; });
  const HandleId handle = made(kAppending);
  AttributeChange nothing;
  nothing.size = 0;
  ASSERT_TRUE(mount().set_attributes(file(), nothing, handle));
  EXPECT_EQ(woken, 0);
  ASSERT_TRUE(mount().write(handle, 0, "line", true));
  EXPECT_EQ(woken, 1);
  mount().release(handle);
}

// git, for one, notes the times that a file has before its close.
TEST_F(RescueTest, S10_TheTimesThatAFileShowsStayWhenItsBytesArePublished) {
  theirs_.by = std::chrono::seconds(3);
  for (const OpenMode& mode : {kAppending, kWriting}) {
    const HandleId handle = made(mode);
    ASSERT_TRUE(mount().write(handle, 0, "bytes", mode.append));
    const Attributes before = mount().attributes(file())->attributes;
    ASSERT_TRUE(mount().flush(handle));
    EXPECT_EQ(mount().attributes(file())->attributes, before);
    seat_->pump();
    EXPECT_EQ(mount().attributes(file())->attributes, before);
    EXPECT_EQ(stored().front().node.attributes.modified, before.modified);
    mount().release(handle);
    ASSERT_TRUE(mount().remove(kRootId, "f", false));
  }
}

}  // namespace
}  // namespace outboard::fusefs
