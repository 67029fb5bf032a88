// The process that mounts for a daemon: what it does when it is asked, and what it does not.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <thread>
#include <vector>

#include "fusefs/kernel/mounter.h"
#include "tests/support/temp_directory.h"

namespace outboard::tests {
namespace {

using fusefs::Mounter;
using fusefs::Mounting;

class MounterTest : public ::testing::Test {
 protected:
  MounterTest() {
    for (const char* name : {"/a", "/b"}) {
      ::mkdir((directory_.path() + name).c_str(), 0755);
      config_.views.push_back({directory_.path() + name, std::string("acme") + name, true});
    }
    config_.look = [](const std::string& place) {
      struct stat found {};
      return ::lstat(place.c_str(), &found) == 0 ? EXIT_SUCCESS : 3;
    };
  }
  ~MounterTest() override {
    for (const auto& view : config_.views) ::umount2(view.path.c_str(), MNT_DETACH);
  }

  std::unique_ptr<Mounter> start() { return Mounter::start(config_).value(); }
  const std::string& path(std::size_t view) const { return config_.views[view].path; }
  // What stands there, as /proc says, without asking it.
  std::string standing(std::size_t view) const {
    std::ifstream mounts("/proc/self/mounts");
    std::string last;
    for (std::string source, place, type, rest; mounts >> source >> place >> type;) {
      std::getline(mounts, rest);
      if (place == path(view)) last = source + " " + type;
    }
    return last;
  }
  static Moment soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(20); }

  TempDirectory directory_;
  Mounter::Config config_;
};

TEST_F(MounterTest, S60_MountsAndUnmountsEachByItself) {
  const auto mounter = start();
  const auto a = mounter->view(0);
  const auto b = mounter->view(1);
  const int first = a->mount().value();
  const int second = b->mount().value();
  EXPECT_EQ(standing(0), "acme/a fuse.outboard");
  EXPECT_EQ(standing(1), "acme/b fuse.outboard");
  a->unmount();
  EXPECT_EQ(standing(0), "");
  EXPECT_EQ(standing(1), "acme/b fuse.outboard");
  a->unmount();  // nothing is there: nothing happens
  ::close(first);
  ::close(second);
}

TEST_F(MounterTest, S60_AnAbortEndsThatConnectionAndLeavesTheViewInItsPlace) {
  const auto mounter = start();
  const auto a = mounter->view(0);
  const auto b = mounter->view(1);
  const int first = a->mount().value();
  const int second = b->mount().value();
  a->abort();
  std::array<char, 16'384> request{};
  EXPECT_EQ(::read(first, request.data(), request.size()), -1);
  EXPECT_EQ(errno, ENODEV);
  EXPECT_EQ(standing(0), "acme/a fuse.outboard");
  EXPECT_GT(::read(second, request.data(), request.size()), 0) << "the first of every session";
  ::close(first);
  ::close(second);
}

TEST_F(MounterTest, S60_TheDaemonsEndTakesItsViewsOutOfTheTree) {
  auto mounter = start();
  const int first = mounter->view(0)->mount().value();
  mounter.reset();
  EXPECT_EQ(standing(0), "");
  ::close(first);
}

TEST_F(MounterTest, S60_WhatElseStandsAtItsPathIsLeftAlone) {
  auto mounter = start();
  const auto view = mounter->view(0);
  const int first = view->mount().value();
  ASSERT_EQ(::umount2(path(0).c_str(), MNT_DETACH), 0);
  ASSERT_EQ(::mount("theirs", path(0).c_str(), "tmpfs", 0, nullptr), 0);
  view->unmount();
  EXPECT_EQ(standing(0), "theirs tmpfs");
  mounter.reset();
  EXPECT_EQ(standing(0), "theirs tmpfs");
  ::close(first);
}

TEST_F(MounterTest, S60_ViewsThatAreNotItsOwnAreNotServed) {
  const auto mounter = start();
  const auto made = mounter->view(7)->mount();
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::unavailable);
  mounter->view(7)->unmount();
  EXPECT_TRUE(mounter->walk(0, "/", soon())) << "it went on";
}

TEST_F(MounterTest, S60_ItLooksWithinAViewOnly) {
  config_.mounts = false;
  const auto mounter = start();
  EXPECT_TRUE(mounter->walk(0, "/", soon()));
  const auto absent = mounter->walk(1, "/none", soon());
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, Code::not_found);
  for (const char* outside : {"/../a", "/..", "x", ""}) {
    const auto refused = mounter->walk(1, outside, soon());
    ASSERT_FALSE(refused) << outside;
    EXPECT_EQ(refused.error().code, Code::unavailable) << outside;
  }
  EXPECT_FALSE(mounter->view(0)->mount()) << "who started it has mounted already";
}

// What a daemon that was taken over could say.
TEST_F(MounterTest, S62_LaterViewsStandOnlyWhereTheStartAllowedThem) {
  const std::string& root = directory_.path();
  for (const char* name : {"/free", "/free/c", "/freely"}) ::mkdir((root + name).c_str(), 0755);
  ASSERT_EQ(::symlink(root.c_str(), (root + "/free/up").c_str()), 0);
  config_.allowed = {root + "/free", root + "/nowhere"};
  const auto mounter = start();
  const auto code_of = [&](const std::string& place, const std::string& volume = "acme/c") {
    const auto added = mounter->add({place, volume, true});
    return added ? std::nullopt : std::optional(added.error().code);
  };
  for (const std::string place : {"/freely", "/free", "", "/nowhere/c"}) {
    EXPECT_EQ(code_of(root + place), Code::no_access) << place;
  }
  for (const std::string place : {"/free/../a", "/free//c", "/free/./c", "/free/c/"}) {
    EXPECT_EQ(code_of(root + place), Code::invalid) << place;
  }
  EXPECT_EQ(code_of("free/c"), Code::invalid);
  for (const std::string volume : {"", "acme/c,suid", "acme/c\\,dev", "acme c", "a\nb"}) {
    EXPECT_EQ(code_of(root + "/free/c", volume), Code::invalid) << volume;
  }
  const auto linked = mounter->add({root + "/free/up/a", "acme/c", true}).value();
  EXPECT_FALSE(mounter->view(linked)->mount());
  EXPECT_EQ(standing(0), "");

  config_.views.push_back({root + "/free/c", "acme/c", true});
  const auto number = mounter->add(config_.views.back()).value();
  const int descriptor = mounter->view(number)->mount().value();
  EXPECT_EQ(standing(2), "acme/c fuse.outboard");
  const auto view = mounter->view(number);
  EXPECT_TRUE(view->leave());
  EXPECT_EQ(standing(2), "");
  ::close(descriptor);
}

TEST_F(MounterTest, S62_ViewsAreCountedAndForgotten) {
  const auto mounter = start();
  std::vector<std::size_t> added;
  for (;;) {
    const auto number = mounter->add(config_.views[0]);
    if (!number) {
      EXPECT_EQ(number.error().code, Code::no_space);
      break;
    }
    added.push_back(*number);
  }
  EXPECT_EQ(added.size() + config_.views.size(), 64U);
  const int first = mounter->view(added.front())->mount().value();
  mounter->forget(added.front());
  EXPECT_EQ(standing(0), "") << "what is forgotten stands no more";
  EXPECT_FALSE(mounter->view(added.front())->mount());
  EXPECT_TRUE(mounter->add(config_.views[0]));
  ::close(first);
}

TEST_F(MounterTest, S62_WhatIsInUseDoesNotLeave) {
  const auto mounter = start();
  (void)mounter->check_kernel();  // what it is tried with is in a namespace that had these mounts
  const auto view = mounter->view(0);
  const int first = view->mount().value();
  const int inside = ::open(path(0).c_str(), O_PATH | O_CLOEXEC);
  const auto busy = view->leave();
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().code, Code::conflict);
  EXPECT_EQ(standing(0), "acme/a fuse.outboard");
  ::close(inside);
  const auto left = view->leave();
  EXPECT_TRUE(left) << left.error().message;
  EXPECT_EQ(standing(0), "");
  ::close(first);
}

TEST_F(MounterTest, S60_AViewIsMountedOnce) {
  const auto mounter = start();
  const auto view = mounter->view(0);
  const int first = view->mount().value();
  const auto again = view->mount();
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::exists);
  view->unmount();
  ::close(first);
  const int second = view->mount().value();
  EXPECT_EQ(standing(0), "acme/a fuse.outboard");
  ::close(second);
}

TEST_F(MounterTest, S60_WalksAreCounted) {
  const std::string go_on = directory_.path() + "/go on";
  config_.mounts = false;
  config_.look = [go_on](const std::string&) {
    while (::access(go_on.c_str(), F_OK) != 0) ::poll(nullptr, 0, 5);
    return EXIT_SUCCESS;
  };
  const auto mounter = start();
  std::atomic<int> refused = 0;
  std::atomic<int> done = 0;
  std::vector<std::thread> walks;
  for (int i = 0; i < 20; ++i) {
    walks.emplace_back([&] {
      const auto walked = mounter->walk(0, "/", soon());
      if (walked) {
        ++done;
      } else if (walked.error().code == Code::unavailable && ++refused == 4) {
        std::ofstream(go_on) << "x";
      }
    });
  }
  for (std::thread& walk : walks) walk.join();
  EXPECT_EQ(done, 16);
  EXPECT_EQ(refused, 4);
}

TEST_F(MounterTest, AWalkThatLastsIsGivenUpAndHoldsNobodyUp) {
  config_.mounts = false;
  config_.look = [](const std::string&) {
    ::poll(nullptr, 0, -1);
    return EXIT_SUCCESS;
  };
  const auto mounter = start();
  const auto late =
      mounter->walk(0, "/", std::chrono::steady_clock::now() + std::chrono::milliseconds(50));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::timed_out);
}

}  // namespace
}  // namespace outboard::tests
