// Strict volumes through two mounts: nobody waits for the news, and nobody reads anything older.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <future>
#include <thread>

#include "core/limits.h"
#include "tests/mount/frozen_store.h"
#include "tests/mount/two_mounts.h"

namespace outboard::tests {
namespace {

VolumeSettings strict() {
  VolumeSettings settings;
  settings.strict = true;
  return settings;
}

class StrictMounts : public TwoMounts {
 protected:
  StrictMounts() : TwoMounts(strict()) {}
};

// [S7] close() in one, open() in the other, with nothing between.
TEST_F(StrictMounts, WhatCloseHasReturnedForEveryOpenSees) {
  for (int round = 0; round < 200; ++round) {
    const std::string bytes = "round " + std::to_string(round);
    put(a().at("f"), bytes, O_TRUNC);
    ASSERT_EQ(get(b().at("f")), bytes);
    put(b().at("f"), bytes + " back", O_TRUNC);
    ASSERT_EQ(get(a().at("f")), bytes + " back");
  }
}

// [S7] A reader is not refused when its file is replaced between LOOKUP and OPEN, as often as that
// may be: to a program that would be ESTALE. A writer is, for what it would write upon.
TEST_F(StrictMounts, WhatIsReplacedWhileItIsOpenedIsReadWhole) {
  put(a().at("f"), "one");
  fusefs::MountedVolume& volume = b().volume();
  const fusefs::NodeId id = volume.lookup(fusefs::kRootId, "f")->id;
  put(a().at("f"), "three", O_TRUNC);
  fusefs::OpenMode mode;
  mode.read = true;
  const auto opened = volume.open_file(id, mode);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(volume.read(id, 0, 100).value(), "one");
  mode.write = true;
  const auto refused = volume.open_file(id, mode);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::conflict);
  volume.release(opened->handle);
  volume.forget(id, 1);
  EXPECT_EQ(get(b().at("f")), "three");
}

// [S7] Recipe R knows no open, but not while the kernel may remember nothing: then what a reader
// opens is let go again.
TEST_F(StrictMounts, S7_AReadOnlyViewKeepsNothingOfWhatWasClosed) {
  put(a().at("f"), "bytes");
  fusefs::View view;
  view.read_only = true;
  Mount reader(store_, clock_, view);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(get(reader.at("f")), "bytes");
  EXPECT_GE(reader.activity().requests.at("OPEN"), 100U) << "else there is nothing to let go";
  // Nobody waits for the answer of a RELEASE.
  const Moment until = clock_.now() + std::chrono::seconds(10);
  while (reader.volume().census().open_handles > 0 && clock_.now() < until) {
    std::this_thread::yield();
  }
  EXPECT_EQ(reader.volume().census().open_handles, 0U);
}

// A mount that takes what it is told and says nothing until it is to.
class Silent {
 public:
  Silent(Store& store, VolumeId volume, Seq after)
      : queue_(std::make_shared<FeedQueue>(100, true)) {
    subscription_ = store.subscribe(Call{}, volume, after, queue_).value();
  }
  // Nobody waits for it when it has gone.
  ~Silent() { subscription_->set_frozen(true); }
  void acknowledge(Seq seq) { subscription_->acknowledge(seq, false); }

 private:
  std::shared_ptr<FeedQueue> queue_;
  std::unique_ptr<Subscription> subscription_;
};

// [S7] What one mount shows no other contradicts afterwards: until all have heard of a change it is
// shown nowhere, neither by name nor in a listing nor as an absence; all else is.
TEST_F(StrictMounts, WhatOthersMayNotHaveHeardOfIsNotShownYet) {
  put(a().at("f"), "old");
  put(a().at("next"), "new");
  put(a().at("gone"), "x");
  put(a().at("other"), "as ever");
  ASSERT_EQ(mkdir(a().at("dir").c_str(), 0755), 0);
  struct Case {
    std::function<void()> change;
    std::function<std::string()> look;
    std::string shown;
  };
  const auto read = [&] { return get(b().at("f")); };
  const auto exists = [&] { return std::to_string(there(b().at("gone"))); };
  const auto count = [&] { return std::to_string(listing(b().at("dir")).size()); };
  const auto links = [&] {
    struct stat found {};
    EXPECT_EQ(stat(b().at("dir").c_str(), &found), 0);
    return std::to_string(found.st_nlink);
  };
  const auto exclusive = [&] {
    return std::to_string(open_error(b().at("only"), O_WRONLY | O_CREAT | O_EXCL));
  };
  const auto past = [&] {
    const auto versions = listing(b().at(".history/f"));
    const auto newest = [](const auto& version) { return version.second == "newerst"; };
    return std::to_string(std::count_if(versions.begin(), versions.end(), newest));
  };
  const auto attribute = [&] {
    char value[16] = {};
    const auto size = getxattr(b().at("f").c_str(), "user.x", value, sizeof value);
    return size < 0 ? std::string("none") : std::string(value, static_cast<std::size_t>(size));
  };
  const std::vector<Case> cases = {
      {[&] { rename(a().at("next").c_str(), a().at("f").c_str()); }, read, "new"},
      {[&] { put(a().at("f"), "er", O_APPEND); }, read, "newer"},
      {[&] { unlink(a().at("gone").c_str()); }, exists, "0"},
      {[&] { link(a().at("other").c_str(), a().at("dir/link").c_str()); }, count, "1"},
      {[&] { mkdir(a().at("dir/sub").c_str(), 0755); }, links, "3"},
      {[&] { put(a().at("only"), "", O_EXCL); }, exclusive, std::to_string(EEXIST)},
      {[&] { put(a().at("f"), "st", O_APPEND); }, past, "1"},
      {[&] { setxattr(a().at("f").c_str(), "user.x", "set", 3, 0); }, attribute, "set"},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.shown);
    meet();
    const Seq before = head();
    Silent third(store_, volume_, before);
    auto writer = std::async(std::launch::async, each.change);
    while (head() == before) std::this_thread::yield();
    const Seq after = head();
    ASSERT_TRUE(b().reach(after));
    auto reader = std::async(std::launch::async, each.look);
    EXPECT_NE(reader.wait_for(kStrictLease / 10), std::future_status::ready);
    const auto acknowledged = std::chrono::steady_clock::now();
    third.acknowledge(Seq{after.value + 1});
    EXPECT_EQ(reader.get(), each.shown);
    EXPECT_LT(std::chrono::steady_clock::now() - acknowledged, kStrictLease / 2) << "it was that";
    writer.get();
  }
}

// [S7] All else is shown meanwhile, and so is everything to whom nobody can tell.
TEST_F(StrictMounts, WhatHasNotChangedWaitsForNobody) {
  put(a().at("f"), "old");
  put(a().at("other"), "as ever");
  meet();
  ASSERT_EQ(get(b().at("other")), "as ever");
  const Seq before = head();
  Silent third(store_, volume_, before);
  auto writer = std::async(std::launch::async, [&] { put(a().at("f"), "er", O_APPEND); });
  while (head() == before) std::this_thread::yield();
  ASSERT_TRUE(b().reach(head()));
  EXPECT_EQ(get(b().at("other")), "as ever");
  EXPECT_NE(writer.wait_for(std::chrono::seconds(0)), std::future_status::ready);
  third.acknowledge(head());
  writer.get();
}

// [S7] Names, too: made, appended to, renamed, removed.
TEST_F(StrictMounts, NamesAreThereAndGoneAtOnce) {
  for (int round = 0; round < 50; ++round) {
    const std::string name = "n" + std::to_string(round);
    ASSERT_FALSE(there(b().at(name)));  // an absence that must not be remembered
    put(a().at(name), "one\n");
    ASSERT_EQ(get(b().at(name)), "one\n");
    put(a().at(name), "two\n", O_APPEND);
    ASSERT_EQ(get(b().at(name)), "one\ntwo\n");
    ASSERT_EQ(rename(a().at(name).c_str(), a().at("moved").c_str()), 0);
    ASSERT_FALSE(there(b().at(name)));
    ASSERT_EQ(get(b().at("moved")), "one\ntwo\n");
    ASSERT_EQ(unlink(b().at("moved").c_str()), 0);
    ASSERT_EQ(open_error(a().at("moved"), O_RDONLY), ENOENT);
    ASSERT_TRUE(std::filesystem::is_empty(a().path()));
  }
}

// [S7] Two mounts that make names in one directory do not wait for each other.
TEST_F(StrictMounts, CreatingInOneDirectoryTakesNoLease) {
  const auto begun = std::chrono::steady_clock::now();
  std::thread other([&] {
    for (int i = 0; i < 20; ++i) put(b().at("b" + std::to_string(i)), "b");
  });
  for (int i = 0; i < 20; ++i) put(a().at("a" + std::to_string(i)), "a");
  other.join();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, kStrictLease);
}

// Whose mount believes that it is later than it is.
class LaterClock final : public Clock {
 public:
  Moment now() const override { return std::chrono::steady_clock::now() + later.load(); }
  Timestamp wall() const override { return SystemClock().wall(); }
  std::atomic<std::chrono::milliseconds> later{};
};

// Mounts that are older than their volume's strictness: what their kernels remember is dropped.
class TurnedMounts : public TwoMounts {
 protected:
  // What the kernel is to forget: names, absences, listings, attributes and bytes.
  void remember(Mount& mount) {
    ASSERT_EQ(get(mount.at("dir/f")), "old");
    ASSERT_FALSE(there(mount.at("dir/later")));
    ASSERT_FALSE(there(mount.at("none")));
    ASSERT_EQ(listing(mount.at("dir")).size(), 1U);
  }
  void turn() {
    ASSERT_EQ(mkdir(a().at("dir").c_str(), 0755), 0);
    put(a().at("dir/f"), "old");
    meet();
    remember(b());
    store_.change_volume(volume_, strict());
  }
  static fusefs::View with(bool read_only, std::vector<std::string> mountpoints) {
    fusefs::View view;
    view.read_only = read_only;
    view.mountpoints = std::move(mountpoints);
    return view;
  }
  void rounds(Mount& mount, int count) {
    for (int round = 0; round < count; ++round) {
      const std::string bytes = "round " + std::to_string(round);
      const std::string name = "dir/n" + std::to_string(round);
      ASSERT_FALSE(there(mount.at(name)));
      put(a().at(name), "one\n");
      ASSERT_EQ(get(mount.at(name)), "one\n");
      put(a().at(name), "two\n", O_APPEND);
      ASSERT_EQ(get(mount.at(name)), "one\ntwo\n");
      put(a().at("dir/f"), bytes, O_TRUNC);
      ASSERT_EQ(get(mount.at("dir/f")), bytes);
      ASSERT_EQ(unlink(a().at(name).c_str()), 0);
      ASSERT_FALSE(there(mount.at(name)));
      ASSERT_EQ(rename(a().at("dir").c_str(), a().at("moved").c_str()), 0);
      ASSERT_FALSE(there(mount.at("dir")));
      ASSERT_EQ(get(mount.at("moved/f")), bytes);
      ASSERT_EQ(rename(a().at("moved").c_str(), a().at("dir").c_str()), 0);
      ASSERT_EQ(listing(mount.at("dir")).size(), 1U);
    }
  }
};

// [S7] What close() has returned for every open sees, by a kernel that remembered the volume.
TEST_F(TurnedMounts, WhatWasRememberedIsNotShown) {
  turn();
  EXPECT_FALSE(b().volume().lasting());
  const auto begun = std::chrono::steady_clock::now();
  rounds(b(), 50);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, kStrictLease) << "nobody was waited for";
}

// [S7] Recipe R is for the life of a mount: the kernel opens no file of it, but looks each name up.
TEST_F(TurnedMounts, AReadOnlyViewIsStrictToo) {
  Mount reader(store_, clock_, with(true, {}));
  ASSERT_EQ(mkdir(a().at("dir").c_str(), 0755), 0);
  put(a().at("dir/f"), "old");
  meet();
  ASSERT_TRUE(reader.reach(head()));
  remember(reader);
  store_.change_volume(volume_, strict());
  rounds(reader, 50);
}

// [S7, S56] Names that a kernel is not made to forget, as views stand inside, are dropped before
// their change is acknowledged.
TEST_F(TurnedMounts, AViewAroundOthersKeepsThemAndIsStrict) {
  Mount around(store_, clock_, with(false, {"inner"}));
  const std::string inner = around.at("inner");
  ASSERT_EQ(::mount("outboard-test", inner.c_str(), "tmpfs", 0, nullptr), 0) << errno;
  ASSERT_EQ(mkdir(a().at("dir").c_str(), 0755), 0);
  put(a().at("dir/f"), "old");
  meet();
  ASSERT_TRUE(around.reach(head()));
  remember(around);
  put(inner + "/own", "tmpfs");
  store_.change_volume(volume_, strict());
  rounds(around, 20);
  EXPECT_EQ(get(inner + "/own"), "tmpfs");
  EXPECT_EQ(::umount2(inner.c_str(), MNT_DETACH), 0);
}

// [S7] Who stands in a directory goes on standing there.
TEST_F(TurnedMounts, AWorkingDirectoryStays) {
  ASSERT_EQ(mkdir(a().at("here").c_str(), 0755), 0);
  meet();
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(b().at("here"));
  turn();
  EXPECT_TRUE(there(b().at("here")));
  std::error_code error;
  EXPECT_EQ(std::filesystem::current_path(error), b().at("here")) << error.message();
  put("beside", "x");
  EXPECT_EQ(get(b().at("here/beside")), "x");
  std::filesystem::current_path(before);
}

// [S7] Whose server is away is not shown, past its lease, what the kernel remembered.
TEST_F(TurnedMounts, PastItsLeaseWhatWasRememberedIsRefused) {
  FrozenStore server(store_);
  LaterClock clock;
  fusefs::View view;
  view.read_deadline = std::chrono::milliseconds(300);
  Mount far(server, clock, view);
  put(a().at("f"), "old");
  ASSERT_TRUE(far.reach(head()));
  ASSERT_EQ(get(far.at("f")), "old");
  ASSERT_FALSE(there(far.at("none")));
  store_.change_volume(volume_, strict());
  server.freeze();
  clock.later = kStrictLease;
  EXPECT_EQ(open_error(far.at("f"), O_RDONLY), EIO);
  EXPECT_EQ(open_error(far.at("none"), O_RDONLY), EIO);
  server.thaw();
  EXPECT_EQ(get(far.at("f")), "old");
}

// [S7] Back: the kernel may remember again.
TEST_F(TurnedMounts, WhatIsStrictNoMoreIsRememberedAgain) {
  turn();
  store_.change_volume(volume_, {});
  put(a().at("g"), "new");
  meet();
  EXPECT_TRUE(b().volume().lasting());
  EXPECT_EQ(get(b().at("g")), "new");
  const auto before = b().activity();
  EXPECT_EQ(get(b().at("g")), "new");
  EXPECT_EQ(b().activity().requests.at("LOOKUP"), before.requests.at("LOOKUP"));
}

}  // namespace
}  // namespace outboard::tests
