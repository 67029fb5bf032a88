// Volumes with more nodes than a view may hold: each directory is loaded when somebody looks into
// it, and dropped again. The suite of this room runs so as a whole, too (CMakeLists.txt). [S61]
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <set>

#include "tests/mount/frozen_store.h"
#include "tests/mount/two_mounts.h"
#include "tests/support/seat.h"

namespace outboard::tests {
namespace {

using fusefs::kRootId;
using fusefs::NodeId;
using fusefs::NoticeKind;
using fusefs::OpenMode;
using fusefs::Seat;
using fusefs::View;

View with_room_for(std::uint64_t nodes) {
  View view;
  view.tree_nodes_max = nodes;
  return view;
}

// Counts what is asked, and lets a test do something between a page's reading and its arrival.
class WatchedStore final : public FrozenStore {
 public:
  using FrozenStore::FrozenStore;

  Result<At<Page>> list(const Call& call, VolumeId volume, const NodeRef& directory,
                        std::string_view after, std::uint32_t limit, const ReadAt& at) override {
    ++lists;
    auto page = FrozenStore::list(call, volume, directory, after, limit, at);
    if (const auto then = std::exchange(read, {})) then();
    return page;
  }
  Result<Seq> snapshot(const Call& call, VolumeId volume, const SnapshotQuery& query,
                       const std::function<void(SnapshotPart)>& take) override {
    ++snapshots;
    return FrozenStore::snapshot(call, volume, query, take);
  }

  std::atomic<int> lists = 0, snapshots = 0;
  std::function<void()> read;
};

class DirectoriesTest : public testing::Test {
 protected:
  // A directory of `files` files.
  NodeId make(std::string_view name, int files) {
    const NodeId directory = writer_->make_directory(kRootId, name, 0755, {}).value().id;
    for (int i = 0; i < files; ++i) create(directory, "f" + std::to_string(i));
    writer_.pump();
    return directory;
  }
  void create(NodeId directory, std::string_view name) {
    const auto made = writer_->create(directory, name, 0644, {true, true, false, false}, true, {});
    ASSERT_TRUE(made) << made.error().message;
    writer_->release(made->second.handle);
  }
  void overwrite(NodeId directory, std::string_view name, std::string_view bytes) {
    const NodeId node = writer_->lookup(directory, name).value().id;
    const auto opened = writer_->open_file(node, {false, true, false, true}).value();
    ASSERT_TRUE(writer_->write(opened.handle, 0, bytes, false));
    ASSERT_TRUE(writer_->flush(opened.handle));
    writer_->release(opened.handle);
  }
  static std::vector<std::string> names(Seat& seat, NodeId directory) {
    std::vector<std::string> found;
    for (std::uint64_t cookie = 2;;) {
      const auto page = seat->list(directory, cookie, 7, false).value();
      if (page.empty()) return found;
      for (const auto& entry : page) found.push_back(entry.name);
      cookie = page.back().cookie;
    }
  }

  SystemClock clock_;
  MemoryStore store_{clock_};
  VolumeId volume_ = store_.add_volume(std::string(kVolumeName));
  WatchedStore watched_{store_};
  Seat writer_{store_, clock_};
};

TEST_F(DirectoriesTest, S61_AVolumeThatIsTooLargeIsLoadedAsItIsLookedInto) {
  make("one", 20);
  make("two", 20);
  Seat large(watched_, clock_, kVolumeName, with_room_for(30));
  EXPECT_EQ(watched_.snapshots, 0);
  EXPECT_EQ(watched_.lists, 0);
  EXPECT_EQ(large->census().nodes, 1U);
  const NodeId one = large.id("one");
  EXPECT_TRUE(large->lookup(one, "f7"));
  EXPECT_EQ(large->lookup(one, "none").error().code, Code::not_found);
  EXPECT_EQ(watched_.lists, 2);
  EXPECT_EQ(large->census().nodes, 23U);
  Seat small(watched_, clock_, kVolumeName, with_room_for(1'000));
  EXPECT_EQ(watched_.snapshots, 1);
  EXPECT_EQ(small->census().nodes, 43U);
}

TEST_F(DirectoriesTest, S61_WhatNobodyLooksIntoIsDroppedAndTheKernelMayForgetIt) {
  for (int i = 0; i < 20; ++i) make("d" + std::to_string(i), 20);
  Seat seat(watched_, clock_, kVolumeName, with_room_for(100));
  std::map<NodeId, std::uint64_t> looked_up;
  for (int i = 0; i < 20; ++i) {
    const NodeId directory = seat.id("d" + std::to_string(i));
    ++looked_up[directory];
    const auto listed = seat->list(directory, 2, 100, true).value();
    for (const auto& entry : listed) {
      ++looked_up[entry.shown.id];
    }
    // As a kernel does that is told which nodes it does not need to remember.
    for (const auto& notice : std::exchange(seat.notices.seen, {})) {
      for (const NodeId node : notice.unused) {
        seat->forget(node, std::exchange(looked_up[node], 0));
      }
    }
    EXPECT_LE(seat->census().nodes, 100U + 21U);  // and what was just asked for
  }
  EXPECT_TRUE(seat->lookup(seat.id("d0"), "f3"));
}

TEST_F(DirectoriesTest, S61_AListingGoesOnThoughItsDirectoryWasDropped) {
  const NodeId there = make("large", 40);
  make("other", 40);
  Seat seat(watched_, clock_, kVolumeName, with_room_for(0));
  const NodeId directory = seat.id("large");
  std::multiset<std::string> seen;
  int lists = watched_.lists;
  for (std::uint64_t cookie = 2;;) {
    const auto page = seat->list(directory, cookie, 3, false).value();
    if (page.empty()) break;
    for (const auto& entry : page) seen.insert(entry.name);
    cookie = page.back().cookie;
    EXPECT_EQ(seat->list(seat.id("other"), 2, 100, false)->size(), 40U);
    if (seen.size() == 9) {  // what goes or comes meanwhile moves nothing else
      ASSERT_TRUE(writer_->remove(there, *seen.begin(), false));
      seat.pump();
    }
  }
  EXPECT_GT(watched_.lists - lists, 20);
  EXPECT_GE(seen.size(), 39U);
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), seen.size());
}

// What the feed tells of while a page is on its way is newer than the page.
TEST_F(DirectoriesTest, S61_ALoadTakesNothingBackThatTheFeedHasTold) {
  const NodeId there = make("d", 4);
  const NodeId aside = make("aside", 1);
  Seat seat(watched_, clock_, kVolumeName, with_room_for(0));
  const NodeId directory = seat.id("d");
  watched_.read = [&] {
    overwrite(there, "f0", "newer");
    ASSERT_TRUE(writer_->remove(there, "f1", false));
    ASSERT_TRUE(writer_->rename(there, "f2", there, "g2", RenameMode::replace));
    ASSERT_TRUE(writer_->rename(there, "f3", aside, "f3", RenameMode::replace));
    create(there, "new");
    writer_.pump();
    seat.pump();
  };
  const auto listed = names(seat, directory);
  EXPECT_EQ(std::set<std::string>(listed.begin(), listed.end()),
            (std::set<std::string>{"f0", "g2", "new"}));
  EXPECT_EQ(seat.load(seat->lookup(directory, "f0").value().id), "newer");
}

// What a page shows ahead of the feed joins when the feed is there.
TEST_F(DirectoriesTest, S61_ALoadWaitsForTheFeedThatItIsAheadOf) {
  const NodeId there = make("d", 2);
  Seat seat(watched_, clock_, kVolumeName, with_room_for(0));
  const NodeId directory = seat.id("d");
  overwrite(there, "f0", "newer");
  const Seq told = seat->seq();
  std::atomic<bool> asked = false;
  watched_.read = [&] { asked = true; };
  std::thread reader([&] {
    EXPECT_EQ(seat.load(seat->lookup(directory, "f0").value().id), "newer");
    EXPECT_GT(seat->seq(), told);
  });
  while (!asked) std::this_thread::yield();
  seat.pump();
  reader.join();
}

// [S1] Of what the kernel knows the feed's news are told, though its directory is not here.
TEST_F(DirectoriesTest, S61_TheKernelHearsOfChangesInDirectoriesThatWereDropped) {
  const NodeId there = make("d", 3);
  overwrite(there, "f0", "old");
  make("other", 3);
  Seat seat(watched_, clock_, kVolumeName, with_room_for(0));
  const NodeId directory = seat.id("d");
  const NodeId old = seat->lookup(directory, "f0").value().id;
  EXPECT_EQ(seat->lookup(directory, "absent").error().code, Code::not_found);
  EXPECT_TRUE(seat->lookup(seat.id("other"), "f0"));  // drops d
  seat.notices.seen.clear();
  overwrite(there, "f0", "newer");
  create(there, "absent");
  seat.pump();
  const auto told = [&](NoticeKind kind, std::string_view name) {
    return std::ranges::any_of(seat.notices.seen, [&](const auto& notice) {
      return notice.kind == kind && notice.directory == directory && notice.name == name;
    });
  };
  EXPECT_TRUE(told(NoticeKind::name_gone, "f0"));
  EXPECT_TRUE(told(NoticeKind::name_new, "absent"));
  EXPECT_EQ(seat.load(old), "old");
  EXPECT_NE(seat->lookup(directory, "f0").value().id, old);
}

// The log is gone: nothing is believed but what is asked for again.
TEST_F(DirectoriesTest, S61_AfterAGapInTheNewsAllIsAskedForAgain) {
  const NodeId there = make("d", 5);
  const NodeId moved = make("moved", 1);
  Seat seat(watched_, clock_, kVolumeName, with_room_for(0));
  const NodeId directory = seat.id("d");
  const NodeId inner = seat.id("moved");
  const NodeId same = seat->lookup(directory, "f0").value().id;
  const NodeId changed = seat->lookup(directory, "f1").value().id;
  const auto open_same = seat->open_file(same, {true, true, false, false}).value();
  const auto open_changed = seat->open_file(changed, {true, false, false, false}).value();
  overwrite(there, "f1", "newer");
  ASSERT_TRUE(writer_->remove(there, "f2", false));
  ASSERT_TRUE(writer_->rename(kRootId, "moved", there, "in", RenameMode::replace));
  create(moved, "late");
  ASSERT_TRUE(seat->resynchronise(Moment::max()));
  EXPECT_EQ(seat.notices.count(NoticeKind::all_names), 1U);
  const auto listed = names(seat, directory);
  EXPECT_EQ(std::set<std::string>(listed.begin(), listed.end()),
            (std::set<std::string>{"f0", "f1", "f3", "f4", "in"}));
  EXPECT_EQ(seat->lookup(directory, "f0").value().id, same);
  EXPECT_EQ(seat->lookup(directory, "in").value().id, inner);
  EXPECT_TRUE(seat->lookup(inner, "late"));
  EXPECT_EQ(seat.load(changed), "");
  EXPECT_EQ(seat.load(seat->lookup(directory, "f1").value().id), "newer");
  ASSERT_TRUE(seat->write(open_same.handle, 0, "mine", false));
  ASSERT_TRUE(seat->flush(open_same.handle));
  seat->release(open_same.handle);
  seat->release(open_changed.handle);
}

// A file that is open, was overwritten and is not here any more was not removed for that: what is
// changed about it is changed for all. [S10]
TEST_F(DirectoriesTest, S61_WhatIsNotHereIsNotTakenForRemoved) {
  const NodeId there = make("d", 2);
  overwrite(there, "f0", "old");
  Seat seat(watched_, clock_, kVolumeName, with_room_for(0));
  const NodeId directory = seat.id("d");
  const NodeId kept = seat->lookup(directory, "f0").value().id;
  const NodeId gone = seat->lookup(directory, "f1").value().id;
  ASSERT_TRUE(seat->open_file(kept, {true, false, false, false}));
  ASSERT_TRUE(seat->open_file(gone, {true, false, false, false}));
  overwrite(there, "f0", "newer");
  seat.pump();
  ASSERT_TRUE(writer_->remove(there, "f1", false));
  ASSERT_TRUE(seat->resynchronise(Moment::max()));
  EXPECT_TRUE(seat->set_xattr(kept, "user.of", "all", XattrMode::create_or_replace));
  EXPECT_TRUE(seat->set_xattr(gone, "user.of", "mine", XattrMode::create_or_replace));
  EXPECT_EQ(seat->xattr(gone, "user.of").value(), "mine");
  writer_.pump();
  EXPECT_EQ(writer_->xattr(writer_->lookup(there, "f0").value().id, "user.of").value(), "all");
}

// [S11] Versions end as their file's name does, though nothing is known of it by then; what
// stands is not taken for removed, nor the other way round.
TEST_F(DirectoriesTest, S61_HistoryDoesNotRestOnWhatIsHere) {
  const NodeId there = make("d", 3);
  make("other", 3);
  create(there, "n.md");
  overwrite(there, "n.md", "x");
  ASSERT_TRUE(writer_->remove(there, "f0", false));
  Seat seat(watched_, clock_, kVolumeName, with_room_for(0));
  const auto drop = [&] {
    EXPECT_TRUE(seat->lookup(seat.id("other"), "f0"));
    overwrite(there, "f2", "y");
    seat.pump();
  };
  const NodeId history = seat->lookup(kRootId, ".history").value().id;
  const NodeId directory = seat->lookup(history, "d").value().id;
  const NodeId file = seat->lookup(directory, "n.md").value().id;
  drop();
  const auto versions = names(seat, file);
  ASSERT_FALSE(versions.empty());
  for (const std::string& name : versions) EXPECT_TRUE(name.ends_with(".md")) << name;
  drop();
  const auto listed = names(seat, directory);
  EXPECT_EQ(std::set<std::string>(listed.begin(), listed.end()),
            (std::set<std::string>{"f0", "f1", "f2", "n.md"}));
  EXPECT_EQ(listed.size(), 4U);
  drop();
  EXPECT_TRUE(seat->lookup(directory, "f0")) << "it was removed";
  EXPECT_EQ(seat->lookup(directory, "none").error().code, Code::not_found);
}

// [S62] Whoever tells the kernel to look up every name again takes out what stands in the view: so
// that one of a volume that is not here whole remembers no names.
TEST_F(DirectoriesTest, S61_AViewInWhichOthersStandIsNotToldToForgetAll) {
  make("d", 3);
  Seat seat(watched_, clock_, kVolumeName, with_room_for(0));
  EXPECT_TRUE(seat->lookup(kRootId, "d").value().lasting);
  ASSERT_TRUE(seat->keep_for_view("inner", Moment::max()));
  EXPECT_EQ(seat.notices.forgets, 1) << "before it stands there";
  ASSERT_TRUE(seat->keep_for_view("second", Moment::max()));
  EXPECT_EQ(seat.notices.forgets, 1);
  EXPECT_FALSE(seat->lookup(kRootId, "d").value().lasting);
  ASSERT_TRUE(seat->resynchronise(Moment::max()));
  EXPECT_EQ(seat.notices.count(NoticeKind::all_names), 0U);
  seat->set_strict(true);
  EXPECT_FALSE(seat->remembers());
  EXPECT_EQ(seat.notices.forgets, 1);
  seat->set_strict(false);
  seat->give_back("inner");
  seat->give_back("second");
  EXPECT_TRUE(seat->lookup(kRootId, "d").value().lasting);
  ASSERT_TRUE(seat->resynchronise(Moment::max()));
  EXPECT_EQ(seat.notices.count(NoticeKind::all_names), 1U);
}

// One that began whole stays so while others stand in it.
TEST_F(DirectoriesTest, S61_AViewInWhichOthersStandDropsNothingOfAWholeVolume) {
  Seat seat(watched_, clock_, kVolumeName, with_room_for(10));
  ASSERT_TRUE(seat->keep_for_view("inner", Moment::max()));
  make("one", 20);
  seat.pump();
  EXPECT_TRUE(seat->is_whole());
  EXPECT_EQ(seat->census().nodes, 22U);
  EXPECT_TRUE(seat->lookup(kRootId, "one").value().lasting);
  seat->give_back("inner");
  make("two", 20);
  seat.pump();
  EXPECT_FALSE(seat->is_whole());
  ASSERT_TRUE(seat->keep_for_view("inner", Moment::max()));
  EXPECT_EQ(seat.notices.forgets, 1);
  EXPECT_FALSE(seat->lookup(kRootId, "one").value().lasting);
}

// Through the kernel: its caches hold names of directories that this view has long dropped.
TEST_F(TwoMounts, S61_AViewWithNoRoomShowsWhatOthersDo) {
  for (const char* name : {"from", "to", "home"}) {
    ASSERT_EQ(mkdir(a().at(name).c_str(), 0755), 0);
    for (int i = 0; i < 30; ++i) {
      put(a().at(std::string(name) + "/" + std::to_string(i)), "old");
    }
  }
  Mount small(store_, clock_, with_room_for(0));
  const auto reach = [&] { ASSERT_TRUE(small.reach(head())); };
  reach();
  EXPECT_EQ(listing(small.at("from")).size(), 30U);
  EXPECT_EQ(get(small.at("to/3")), "old");
  EXPECT_FALSE(there(small.at("to/new")));
  const int home = open(small.at("home").c_str(), O_RDONLY | O_DIRECTORY);
  const int held = open(small.at("from/1").c_str(), O_RDONLY);
  ASSERT_GE(home, 0);
  ASSERT_GE(held, 0);

  put(a().at("from/1"), "newer", O_TRUNC);
  put(a().at("to/new"), "new");
  ASSERT_EQ(rename(a().at("from/2").c_str(), a().at("to/3").c_str()), 0);
  ASSERT_EQ(rename(a().at("home").c_str(), a().at("from/home").c_str()), 0);
  ASSERT_EQ(unlink(a().at("from/4").c_str()), 0);
  ASSERT_EQ(link(a().at("to/5").c_str(), a().at("from/linked").c_str()), 0);
  reach();
  EXPECT_EQ(get(small.at("from/1")), "newer");
  EXPECT_EQ(get_all(held), "old");
  EXPECT_EQ(get(small.at("to/new")), "new");
  EXPECT_FALSE(there(small.at("from/2")));
  EXPECT_FALSE(there(small.at("from/4")));
  struct stat linked {};
  ASSERT_EQ(stat(small.at("to/5").c_str(), &linked), 0);
  EXPECT_EQ(linked.st_nlink, 2U);
  EXPECT_EQ(openat(home, "none", O_RDONLY), -1);
  const int inside = openat(home, "7", O_RDONLY);
  EXPECT_EQ(get_all(inside), "old");
  EXPECT_TRUE(there(small.at("from/home")));  // where the kernel now has it
  struct stat above {};
  struct stat from {};
  ASSERT_EQ(fstatat(home, "..", &above, 0), 0);
  ASSERT_EQ(stat(small.at("from").c_str(), &from), 0);
  EXPECT_EQ(above.st_ino, from.st_ino);
  EXPECT_EQ(from.st_nlink, 3U);
  for (const int fd : {home, held, inside}) close(fd);
}

}  // namespace
}  // namespace outboard::tests
