// What programs see when the store is away, and how a mount ends. [S2, S9]
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <thread>
#include <vector>

#include "tests/mount/frozen_store.h"
#include "tests/mount/two_mounts.h"
#include "tests/support/child_process.h"

namespace outboard::tests {
namespace {

fusefs::View hasty() {
  fusefs::View view;
  view.read_deadline = std::chrono::milliseconds(200);
  view.write_deadline = std::chrono::milliseconds(200);
  return view;
}

class FrozenServer : public TwoMounts {
 protected:
  FrozenStore frozen_{store_};
};

// [S9]
TEST_F(FrozenServer, CachedBytesAreReadAndWritesSayEio) {
  put(a().at("f"), "cached");
  Mount mount(frozen_, clock_, hasty());
  EXPECT_EQ(get(mount.at("f")), "cached");
  frozen_.freeze();
  EXPECT_EQ(get(mount.at("f")), "cached");
  EXPECT_EQ(open_error(mount.at("new"), O_WRONLY | O_CREAT), EIO);
  const int fd = open(mount.at("f").c_str(), O_WRONLY);
  ASSERT_EQ(pwrite(fd, "C", 1, 0), 1);
  EXPECT_EQ(fsync(fd), -1);
  EXPECT_EQ(errno, EIO);
  frozen_.thaw();
  EXPECT_EQ(fsync(fd), 0) << std::strerror(errno);
  EXPECT_EQ(close(fd), 0);
  meet();
  EXPECT_EQ(get(b().at("f")), "Cached");
}

// [S2]
TEST_F(FrozenServer, BytesThatReleaseCouldNotPublishArePublishedLater) {
  put(a().at("f"), "old");
  Mount mount(frozen_, clock_, hasty());
  const int fd = open(mount.at("f").c_str(), O_WRONLY);
  const Seq before = head();
  frozen_.freeze();
  ASSERT_EQ(pwrite(fd, "new", 3, 0), 3);
  EXPECT_EQ(close(fd), -1);
  EXPECT_EQ(errno, EIO);
  frozen_.thaw();
  ASSERT_TRUE(b().reach(Seq{before.value + 1}));
  EXPECT_EQ(get(b().at("f")), "new");
}

// [S10] RELEASE publishes it, and nobody waits for that.
TEST_F(FrozenServer, ABareTruncationHasItsTimesBeforeItIsPublished) {
  put(a().at("f"), "old");
  const timespec long_ago[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, a().at("f").c_str(), long_ago, 0), 0);
  Mount mount(frozen_, clock_, roomy());
  frozen_.freeze();
  const int fd = open(mount.at("f").c_str(), O_WRONLY | O_TRUNC);
  ASSERT_GE(fd, 0);
  EXPECT_EQ(close(fd), 0);
  ASSERT_TRUE(frozen_.wait_for_callers(1, clock_.now() + std::chrono::seconds(10)));
  struct stat found {};
  ASSERT_EQ(stat(mount.at("f").c_str(), &found), 0);
  EXPECT_EQ(found.st_size, 0);
  EXPECT_GT(found.st_mtime, 1'000'000'000);
  frozen_.thaw();
}

// [S8] The append happened, its answer was lost, fsync mostly says so, and is called again.
TEST_F(FrozenServer, ALostAnswerNeverDoublesAnAppend) {
  put(a().at("log"), "one\n");
  Mount mount(frozen_, clock_, hasty());
  const int fd = open(mount.at("log").c_str(), O_WRONLY | O_APPEND);
  frozen_.lose_answers(true);
  ASSERT_EQ(write(fd, "two\n", 4), 4);
  EXPECT_TRUE(fsync(fd) == 0 || errno == EIO);  // 0: the feed told of it before the answer was lost
  ASSERT_EQ(write(fd, "three\n", 6), 6);
  frozen_.lose_answers(false);
  EXPECT_EQ(fsync(fd), 0) << std::strerror(errno);
  EXPECT_EQ(close(fd), 0);
  meet();
  EXPECT_EQ(get(b().at("log")), "one\ntwo\nthree\n");
  EXPECT_TRUE(mount.reach(head()));
  EXPECT_EQ(get(mount.at("log")), "one\ntwo\nthree\n");
}

// [S8] The kernel was told that a create failed, which had happened: the feed puts it right.
TEST_F(FrozenServer, ACreateWhoseAnswerWasLostAppears) {
  Mount mount(frozen_, clock_, hasty());
  frozen_.lose_answers(true);
  EXPECT_EQ(mkdir(mount.at("dir").c_str(), 0755), -1);
  EXPECT_EQ(errno, EIO);
  frozen_.lose_answers(false);
  ASSERT_TRUE(mount.reach(head()));
  EXPECT_TRUE(there(mount.at("dir")));
}

// [S9]
TEST_F(FrozenServer, AnUncachedReadSaysEioInTime) {
  put(a().at("big"), std::string(200'000, 'x'));
  Mount mount(frozen_, clock_, hasty());
  frozen_.freeze();
  EXPECT_EQ(get(mount.at("big")), std::string("error: ") + std::strerror(EIO));
  frozen_.thaw();
  EXPECT_EQ(get(mount.at("big")).size(), 200'000U);
}

// [S9]
TEST_F(FrozenServer, AMountEndsWhileTheServerIsFrozen) {
  auto mount = std::make_unique<Mount>(frozen_, clock_, hasty());
  const std::string path = mount->path();
  frozen_.freeze();
  mount->stop();
  struct stat inside {};
  struct stat above {};
  ASSERT_EQ(stat(path.c_str(), &inside), 0) << std::strerror(errno);
  ASSERT_EQ(stat(std::filesystem::path(path).parent_path().c_str(), &above), 0);
  EXPECT_EQ(inside.st_dev, above.st_dev);
  frozen_.thaw();
}

// [S9] However many unsaved files there are, they share one deadline.
TEST_F(FrozenServer, AMountWithManyUnsavedFilesEndsInTime) {
  auto mount = std::make_unique<Mount>(frozen_, clock_, hasty());
  std::vector<int> unsaved;
  for (int i = 0; i < 20; ++i) {
    const std::string path = mount->at("f" + std::to_string(i));
    unsaved.push_back(open(path.c_str(), O_WRONLY | O_CREAT, 0644));
    ASSERT_EQ(write(unsaved.back(), "lost", 4), 4);
  }
  frozen_.freeze();
  const Moment start = clock_.now();
  mount->stop();
  EXPECT_LT(clock_.now() - start, std::chrono::seconds(2));  // 4 s, were it a deadline for each
  frozen_.thaw();
  for (const int fd : unsaved) close(fd);
}

// [S9] Forty programs wait for the store in close(); who reads what is cached does not wait with
// them.
TEST_F(FrozenServer, WhoWaitsKeepsNobodyFromWhatIsCached) {
  fusefs::View patient = roomy(hasty());
  patient.write_deadline = std::chrono::seconds(20);
  put(a().at("cached"), "cached");
  Mount mount(frozen_, clock_, patient);
  EXPECT_EQ(get(mount.at("cached")), "cached");
  std::vector<int> unsaved;
  for (int i = 0; i < 40; ++i) {
    const std::string path = mount.at("f" + std::to_string(i));
    unsaved.push_back(open(path.c_str(), O_WRONLY | O_CREAT, 0644));
    ASSERT_EQ(write(unsaved.back(), "late", 4), 4);
  }
  frozen_.freeze();
  std::vector<std::thread> crowd;
  for (const int fd : unsaved) crowd.emplace_back([fd] { EXPECT_EQ(close(fd), 0); });
  const Moment start = clock_.now();
  EXPECT_TRUE(frozen_.wait_for_callers(crowd.size(), start + std::chrono::seconds(10)));
  EXPECT_EQ(get(mount.at("cached")), "cached");
  EXPECT_LT(clock_.now() - start, std::chrono::seconds(15));
  frozen_.thaw();
  for (std::thread& one : crowd) one.join();
}

TEST_F(TwoMounts, AMountInUseIsTakenOutAndKeepsItsBytes) {
  auto mount = std::make_unique<Mount>(store_, clock_);
  const int fd = open(mount->at("f").c_str(), O_WRONLY | O_CREAT, 0644);
  ASSERT_EQ(write(fd, "unsaved", 7), 7);
  mount->stop();
  meet();
  EXPECT_EQ(get(a().at("f")), "unsaved");
  close(fd);
}

TEST_F(TwoMounts, GitWorksHereAndIsSeenThere) {
  ChildOptions quiet;
  quiet.output = "/dev/null";
  const std::string repository = a().at("repo");
  ASSERT_EQ(run({"/usr/bin/env", "git", "init", "-q", repository}, quiet), 0);
  put(repository + "/README.md", "# hello\n");
  ASSERT_EQ(run({"/usr/bin/env", "git", "-C", repository, "add", "."}, quiet), 0);
  ASSERT_EQ(run({"/usr/bin/env", "git", "-C", repository, "-c", "user.name=ada", "-c",
                 "user.email=ada@acme", "commit", "-q", "-m", "first"},
                quiet),
            0);
  meet();
  ChildOptions trusted = quiet;
  trusted.environment = {"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory",
                         "GIT_CONFIG_VALUE_0=*"};
  EXPECT_EQ(run({"/usr/bin/env", "git", "-C", b().at("repo"), "fsck", "--strict"}, trusted), 0);
  EXPECT_EQ(
      run({"/usr/bin/env", "git", "-C", b().at("repo"), "diff", "--exit-code", "HEAD"}, trusted),
      0);
}

TEST_F(TwoMounts, ToolsThatReplaceFilesWork) {
  put(a().at("f"), "one two\n");
  ASSERT_EQ(run({"/usr/bin/env", "sed", "-i", "s/two/three/", a().at("f")}), 0);
  meet();
  EXPECT_EQ(get(b().at("f")), "one three\n");
  ASSERT_EQ(run({"/bin/sh", "-c", "echo hi > " + a().at("g") + " && echo ho >> " + a().at("g")}),
            0);
  ASSERT_EQ(run({"/usr/bin/env", "cp", "-a", a().at("g"), a().at("h")}), 0);
  ASSERT_EQ(run({"/usr/bin/env", "tar", "-C", a().path(), "-cf", a().at("all.tar"), "f", "g", "h"}),
            0);
  ASSERT_EQ(mkdir(a().at("out").c_str(), 0755), 0);
  ASSERT_EQ(run({"/usr/bin/env", "tar", "-C", a().at("out"), "-xf", a().at("all.tar")}), 0);
  meet();
  EXPECT_EQ(get(b().at("g")), "hi\nho\n");
  EXPECT_EQ(run({"/usr/bin/env", "diff", "-r", a().at("out"), b().at("out")}), 0);
  EXPECT_EQ(get(b().at("out/h")), "hi\nho\n");
}

}  // namespace
}  // namespace outboard::tests
