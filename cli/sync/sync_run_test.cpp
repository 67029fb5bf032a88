// A sync that runs on: what it waits for, and what ends it.
#include <poll.h>

#include <atomic>
#include <thread>

#include "cli/sync/sync_site.h"

namespace outboard::sync {
namespace {

TEST_F(SyncTest, S57_ItFollowsBothSidesUntilItIsStopped) {
  write_there("/a", "1");
  Volume opened = *store.describe(Call{}, volume);
  options.stop = std::make_shared<Cancellation>();
  Guarded<std::set<std::string>> seen;
  Mutex mutex;
  Condition changed;
  options.tell = [&](const Event& event) {
    Lock lock(mutex);
    seen.with([&](auto& all) { all.insert(event.path); });
    changed.notify_all();
  };
  auto made = FolderSync::open(weak, opened, {random_uuid()}, system, folder, options);
  ASSERT_TRUE(made);
  Status ended = success();
  std::thread runs([&] { ended = (*made)->run(); });
  const auto wait_for = [&](const std::string& path) {
    Lock lock(mutex);
    while (!seen.with([&](auto& all) { return all.contains(path); })) {
      if (!changed.wait_until(mutex, system.now() + std::chrono::seconds(60))) break;
    }
  };
  wait_for("/a");
  write("d/e/b", "2");
  wait_for("/d/e/b");
  write_there("/d/c", "3");
  wait_for("/d/c");
  fs::rename(folder / "d", folder / "f");
  wait_for("/f");
  options.stop->request();
  runs.join();
  EXPECT_TRUE(ended);
  EXPECT_EQ(there("/f/e/b"), "2");
  EXPECT_EQ(here("f/c"), "3");
}

TEST_F(SyncTest, S57_AFolderThatIsMovedAwayEmptiesNothing) {
  write_there("/a", "1");
  write_there("/b", "1");
  open_and_catch_up();
  const Status ended = run_while([this] { fs::rename(folder, top / "elsewhere"); });
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, Code::not_found);
  EXPECT_EQ(there("/a"), "1");
}

// The one event of its move is taken together with those about paths: nobody waits for it behind.
TEST_F(SyncTest, S57_AFolderThatIsMovedWhileItCatchesUpIsMissed) {
  write_there("/a", "1");
  open_and_catch_up();
  options.passes_over = [this](std::string_view path) {
    if (path == "/a" && there("/c") == "-")
      write_there("/c", "1");  // behind the tree it starts from
    if (path == "/c" && fs::exists(folder)) fs::rename(folder, top / "elsewhere");
    return false;
  };
  const Status ended = run_while([] {});
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, Code::not_found);
  EXPECT_FALSE(fs::exists(top / "elsewhere" / "c"));
  EXPECT_EQ(there("/a"), "1");
}

TEST_F(SyncTest, S57_AFolderThatIsRemovedWakesWhoWaitsForIt) {
  auto opened = Folder::open(folder);
  ASSERT_TRUE(opened);
  auto watch = FolderWatch::create();
  ASSERT_TRUE(watch);
  ASSERT_TRUE(watch->add(*opened, "/"));
  fs::remove_all(folder / kStateName);
  ASSERT_TRUE(watch->take());
  pollfd waits{watch->fd(), POLLIN, 0};
  ASSERT_EQ(::poll(&waits, 1, 0), 0);
  fs::remove(folder);
  EXPECT_EQ(::poll(&waits, 1, 0), 1);
  EXPECT_TRUE(watch->take()->empty());
  EXPECT_FALSE(opened->still_there());
}

TEST_F(SyncTest, S57_AFeedThatEndsIsTakenUpAtOnceAndUntilItIs) {
  write_there("/a", "1");
  open_and_catch_up();
  const auto end_feed = [this] {
    weak.sink->offer(std::make_shared<FeedItem>(FeedItem{volume, {}, {}, FeedEnd::too_slow}));
  };
  const auto ended = weak.sink;
  end_feed();
  ASSERT_TRUE(sync->catch_up());
  EXPECT_NE(weak.sink, ended);  // nobody would wake it for that later
  end_feed();
  weak.loads_nothing = true;
  const Status away = sync->catch_up();
  ASSERT_FALSE(away);
  EXPECT_EQ(away.error().code, Code::unavailable);
  weak.loads_nothing = false;
  catch_up();
  write_there("/b", "2");
  catch_up();
  EXPECT_EQ(here("b"), "2");
}

// An edit that nobody has taken yet does not make it ask without a pause.
TEST_F(SyncTest, S57_WhileTheServerIsAwayItIsAskedNowAndThen) {
  open_and_catch_up();
  weak.refused = Error{Code::unavailable, "the server is away"};
  std::atomic<int> tries = 0;
  options.tell = [&](const Event& event) { tries += event.what == Happened::waiting ? 1 : 0; };
  const Status ended = run_while([&] {
    write("a", "1");
    while (tries == 0) std::this_thread::yield();
    write("b", "1");
    (void)options.stop->wait_until(system.now() + std::chrono::milliseconds(2'500));
    options.stop->request();
  });
  EXPECT_TRUE(ended);
  EXPECT_LE(tries, 10);
}

}  // namespace
}  // namespace outboard::sync
