// A mounted volume under the policy `merge`: what becomes of a publish that met another's, and of
// what is written through its descriptor from then on. No kernel, and the feed is pumped by hand.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "core/memory_store.h"
#include "tests/support/seat.h"

namespace outboard::fusefs {
namespace {

class MergingVolumeTest : public ::testing::Test {
 protected:
  static constexpr OpenMode kEdit{true, true, false, false};

  MergingVolumeTest() {
    VolumeSettings settings;
    settings.policy = Policy::merge;
    store_.add_volume("acme/merged", settings);
  }
  // Both have the file open on its first version; `here` has published its change.
  void begin(Seat& here, Seat& there, std::string_view base, std::string_view theirs) {
    here.save("f", base);
    there.pump();
    old_ = there.id("f");
    open_ = there->open_file(old_, kEdit)->handle;
    here.save("f", theirs);
  }

  SystemClock clock_;
  MemoryStore store_{clock_};
  NodeId old_;
  HandleId open_;
};

// [S35] The writer's own mount shows what became of its bytes, whoever tells of it first.
TEST_F(MergingVolumeTest, AMergedPublishIsANewNodeForTheWriterToo) {
  for (const bool feed_first : {false, true}) {
    Seat here(store_, clock_, "acme/merged");
    Seat there(store_, clock_, "acme/merged");
    begin(here, there, "1\n2\n3\n", "one\n2\n3\n");
    ASSERT_TRUE(there->write(open_, 4, "3!", false));
    if (feed_first) there.pump();
    ASSERT_TRUE(there->flush(open_));
    EXPECT_EQ(there.load(old_), "1\n2\n3!");
    EXPECT_NE(there.id("f"), old_);
    EXPECT_EQ(there.load(there.id("f")), "one\n2\n3!");
    EXPECT_GE(there.notices.count(NoticeKind::name_gone), 1U);
    there.pump();
    here.pump();
    EXPECT_EQ(there.load(old_), "1\n2\n3!");
    EXPECT_EQ(there.load(there.id("f")), "one\n2\n3!");
    EXPECT_EQ(here.load(here.id("f")), "one\n2\n3!");
    there->release(open_);
    EXPECT_EQ(there->census().open_handles, 0U);
  }
}

// [S35] No version has the bytes that the descriptor shows, so what is written on them goes as a
// whole on the version they came from, and says what was merged already.
TEST_F(MergingVolumeTest, WritingOnThroughTheOldDescriptorMergesAgain) {
  Seat here(store_, clock_, "acme/merged");
  Seat there(store_, clock_, "acme/merged");
  begin(here, there, "1\n2\n3\n4\n5\n", "one\n2\n3\n4\n5\n");
  ASSERT_TRUE(there->write(open_, 4, "x", false));
  ASSERT_TRUE(there->flush(open_));
  ASSERT_TRUE(there->write(open_, 8, "y", false));
  EXPECT_EQ(there.load(old_), "1\n2\nx\n4\ny\n");
  ASSERT_TRUE(there->flush(open_));
  there.pump();
  EXPECT_EQ(there.load(there.id("f")), "one\n2\nx\n4\ny\n");
  EXPECT_EQ(there.load(old_), "1\n2\nx\n4\ny\n");
  ASSERT_TRUE(there->flush(open_));
  there->release(open_);
  EXPECT_EQ(there->census().unsaved_bytes, 0U);
}

// [S35] On the lines that were merged and on those next to them, while others write between.
TEST_F(MergingVolumeTest, S35_LinesNextToMergedOnesAreMergedToo) {
  for (const bool feed_first : {false, true}) {
    Seat here(store_, clock_, "acme/merged");
    Seat there(store_, clock_, "acme/merged");
    begin(here, there, "1\n2\n3\n4\n5\n6\n7\n8\n", "one\n2\n3\n4\n5\n6\n7\n8\n");
    const auto save = [&](std::string_view bytes, std::string_view shown, std::string_view file) {
      ASSERT_TRUE(there->write(open_, 0, bytes, false));
      ASSERT_TRUE(there->set_attributes(old_, {{}, {}, {}, bytes.size(), {}, {}}, open_));
      if (feed_first) there.pump();
      ASSERT_TRUE(there->flush(open_));
      EXPECT_EQ(there.load(old_), shown);
      EXPECT_EQ(there.load(there.id("f")), file);
      there.pump();
      here.pump();
      EXPECT_EQ(there.load(old_), shown);
      EXPECT_EQ(here.load(here.id("f")), file);
    };
    ASSERT_TRUE(there->write(open_, 4, "x", false));
    ASSERT_TRUE(there->flush(open_));
    ASSERT_TRUE(there->write(open_, 6, "y", false));
    ASSERT_TRUE(there->flush(open_));
    EXPECT_EQ(there.load(old_), "1\n2\nx\ny\n5\n6\n7\n8\n");
    EXPECT_EQ(there.load(there.id("f")), "one\n2\nx\ny\n5\n6\n7\n8\n");
    here.pump();
    here.save("f", "ONE\n2\nx\ny\n5\n6\n7\n8\n");
    save("1\n2\nxx\nyy\nzz\n6\n7\n8\n", "1\n2\nxx\nyy\nzz\n6\n7\n8\n",
         "ONE\n2\nxx\nyy\nzz\n6\n7\n8\n");
    save("1\n2\nxx\nyy\nzz\n", "1\n2\nxx\nyy\nzz\n", "ONE\n2\nxx\nyy\nzz\n");
    // An append goes to the file's end as it is by then, another's before it.
    here.save("f", "theirs\n", true);
    ASSERT_TRUE(there->write(open_, 0, "mine\n", true));
    ASSERT_TRUE(there->flush(open_));
    there.pump();
    here.pump();
    EXPECT_EQ(there.load(old_), "1\n2\nxx\nyy\nzz\nmine\n");
    EXPECT_EQ(here.load(here.id("f")), "ONE\n2\nxx\nyy\nzz\ntheirs\nmine\n");
    save("1\n2\nXX\nyy\nzz\nmine\n", "1\n2\nXX\nyy\nzz\nmine\n",
         "ONE\n2\nXX\nyy\nzz\ntheirs\nmine\n");
    EXPECT_EQ(here->list(kRootId, 2, 10, false)->size(), 1U);
    there->release(open_);
    EXPECT_EQ(there->census().open_handles, 0U);
    EXPECT_EQ(there->census().unsaved_bytes, 0U);
    ASSERT_TRUE(there->remove(kRootId, "f", false));
  }
}

// [S35] What stands beside the file is not in it: the lines that were merged before it still are.
TEST_F(MergingVolumeTest, S35_AConflictCopyIsNotTakenForMerged) {
  Seat here(store_, clock_, "acme/merged");
  Seat there(store_, clock_, "acme/merged");
  begin(here, there, "1\n2\n3\n4\n5\n6\n", "one\n2\n3\n4\n5\n6\n");
  ASSERT_TRUE(there->write(open_, 6, "a", false));
  ASSERT_TRUE(there->flush(open_));
  ASSERT_TRUE(there->write(open_, 2, "b", false));  // next to theirs
  ASSERT_TRUE(there->flush(open_));
  there.pump();
  EXPECT_EQ(there.load(there.id("f")), "one\n2\n3\na\n5\n6\n");
  EXPECT_EQ(there->list(kRootId, 2, 10, false)->size(), 2U);
  // Taken back, it can be merged again, by what differs from what the file has of it.
  ASSERT_TRUE(there->write(open_, 2, "2\n3\nA\nB", false));
  ASSERT_TRUE(there->flush(open_));
  EXPECT_EQ(there.load(there.id("f")), "one\n2\n3\nA\nB\n6\n");
  EXPECT_EQ(there->list(kRootId, 2, 10, false)->size(), 2U);
  there->release(open_);
}

// A descriptor that stays open for all of a run, and others who open and close: each has lines of
// its own, which no line of another's touches.
class LineOwners {
 public:
  static constexpr std::size_t kLines = 24;

  LineOwners(Seat& holder, Seat& other, unsigned seed)
      : holder_(holder), other_(other), dice_(seed), expected_(kLines) {
    for (std::size_t i = 0; i < kLines; ++i) expected_[i] = "line " + std::to_string(i) + "\n";
    shown_ = expected_;
    other_.save("f", text(expected_));
    holder_.pump();
    id_ = holder_.id("f");
    open_ = holder_->open_file(id_, OpenMode{true, true, false, false})->handle;
  }
  void run() {
    for (int step = 0; step < 60; ++step) {
      switch (below(5)) {
        case 0: holder_.pump(); break;
        case 1: ASSERT_TRUE(holder_->flush(open_)); break;
        case 2: write_elsewhere(); break;
        default: write_on(); break;
      }
      ASSERT_EQ(holder_.load(id_), text(shown_)) << "at step " << step;
    }
    ASSERT_TRUE(holder_->flush(open_));
    holder_->release(open_);
    other_.pump();
    EXPECT_EQ(other_.load(other_.id("f")), text(expected_));
    EXPECT_EQ(other_->list(kRootId, 2, 10, false)->size(), 1U) << "a conflict copy";
    ASSERT_TRUE(other_->remove(kRootId, "f", false));
    holder_.pump();
  }

 private:
  std::size_t below(std::size_t bound) { return dice_() % bound; }
  static std::string text(const std::vector<std::string>& lines) {
    std::string all;
    for (const std::string& line : lines) all += line;
    return all;
  }
  // Lines 0 to 6 and 16 to 22 are the holder's, 8 to 14 the others'; 7, 15 and 23 stay as they are.
  std::string made() {
    if (below(6) == 0) return "";
    std::string line = "made " + std::to_string(++made_);
    if (below(4) == 0) line += "\nand " + std::to_string(++made_);
    return line + "\n";
  }
  // As an editor that writes in place: what differs, and the new end.
  void write_on() {
    const std::string before = text(shown_);
    for (std::size_t i = 1 + below(3); i > 0; --i) {
      const std::size_t line = below(7) + (below(2) == 0 ? 0 : 16);
      shown_[line] = expected_[line] = made();
    }
    const std::string after = text(shown_);
    std::size_t from = 0;
    while (from < std::min(before.size(), after.size()) && before[from] == after[from]) ++from;
    if (after.size() > from) {
      ASSERT_TRUE(holder_->write(open_, from, std::string_view(after).substr(from), false));
    }
    ASSERT_TRUE(holder_->set_attributes(id_, {{}, {}, {}, after.size(), {}, {}}, open_));
  }
  // What stands there by now is read, and a line of it changed.
  void write_elsewhere() {
    if (below(3) == 0) {
      ASSERT_TRUE(holder_->flush(open_));
    }
    other_.pump();
    const std::string there = other_.load(other_.id("f"));
    const std::size_t line = 8 + below(7);
    const std::string mine = text({expected_.begin() + 8, expected_.begin() + 15});
    const std::size_t at = there.find("line 7\n") + 7;
    ASSERT_EQ(there.substr(at, mine.size()), mine);
    expected_[line] = made();
    std::string now = there;
    now.replace(at, mine.size(), text({expected_.begin() + 8, expected_.begin() + 15}));
    other_.save("f", now);
  }

  Seat& holder_;
  Seat& other_;
  std::mt19937 dice_;
  std::vector<std::string> expected_, shown_;  // in the end; through the descriptor
  NodeId id_;
  HandleId open_;
  int made_ = 0;
};

TEST_F(MergingVolumeTest, S35_NoLineIsLostHoweverLongADescriptorIsWrittenThrough) {
  Seat here(store_, clock_, "acme/merged");
  Seat there(store_, clock_, "acme/merged");
  for (unsigned seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    LineOwners(there, here, seed).run();
    if (HasFailure()) break;
  }
}

// [S35]
TEST_F(MergingVolumeTest, WhatCannotBeMergedIsSeenBesideTheFile) {
  for (const bool feed_first : {false, true}) {
    Seat here(store_, clock_, "acme/merged");
    Seat there(store_, clock_, "acme/merged");
    begin(here, there, "1\n", "theirs\n");
    ASSERT_TRUE(there->write(open_, 0, "2", false));
    if (feed_first) there.pump();
    ASSERT_TRUE(there->flush(open_));
    EXPECT_EQ(there.load(old_), "2\n");
    EXPECT_EQ(there.load(there.id("f")), "theirs\n");
    there->release(open_);
    const auto told = there.notices.count(NoticeKind::name_new);
    there.pump();
    EXPECT_GT(there.notices.count(NoticeKind::name_new), told);
    const auto names = there->list(kRootId, 2, 10, false).value();
    const auto copy = std::find_if(names.begin(), names.end(), [](const Listed& listed) {
      return listed.name.rfind("f.conflict-", 0) == 0;
    });
    ASSERT_NE(copy, names.end());
    EXPECT_EQ(there.load(there.id(copy->name)), "2\n");
    ASSERT_TRUE(there->remove(kRootId, copy->name, false));
    ASSERT_TRUE(there->remove(kRootId, "f", false));
  }
}

// [S35]
TEST_F(MergingVolumeTest, ARenameOverWhatWasNotSeenShowsBoth) {
  Seat here(store_, clock_, "acme/merged");
  Seat there(store_, clock_, "acme/merged");
  here.save("f", "1\n");
  there.pump();
  here.save("f", "theirs\n");
  there.save("f.new", "mine\n");
  ASSERT_TRUE(there->rename(kRootId, "f.new", kRootId, "f", RenameMode::replace));
  EXPECT_GE(there.notices.count(NoticeKind::name_new), 3U);
  there.pump();
  EXPECT_FALSE(there->lookup(kRootId, "f.new"));
  EXPECT_EQ(there.load(there.id("f")), "theirs\n");
  EXPECT_EQ(there->list(kRootId, 2, 10, false)->size(), 2U);
}

}  // namespace
}  // namespace outboard::fusefs
