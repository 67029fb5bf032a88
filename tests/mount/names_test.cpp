// Names, attributes and links through two mounts.
#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <limits>
#include <thread>
#include <vector>

#include "tests/mount/frozen_store.h"
#include "tests/mount/two_mounts.h"

namespace outboard::tests {
namespace {

std::vector<std::string> names(const std::string& path) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    found.push_back(entry.path().filename());
  }
  std::sort(found.begin(), found.end());
  return found;
}

TEST_F(TwoMounts, AFileWrittenHereIsReadThere) {
  put(a().at("hello"), "hi\n");
  EXPECT_EQ(get(a().at("hello")), "hi\n");
  meet();
  EXPECT_EQ(get(b().at("hello")), "hi\n");
}

// [S5]
TEST_F(TwoMounts, RemoteNamesReplaceCachedAbsence) {
  EXPECT_FALSE(there(b().at("later")));
  EXPECT_TRUE(names(b().path()).empty());
  put(a().at("later"), "x");
  ASSERT_EQ(mkdir(a().at("dir").c_str(), 0755), 0);
  meet();
  EXPECT_TRUE(there(b().at("later")));
  EXPECT_EQ(names(b().path()), (std::vector<std::string>{"dir", "later"}));
}

// [S6]
TEST_F(TwoMounts, RemoteRemovalAndRenameAreSeen) {
  put(a().at("one"), "1");
  put(a().at("two"), "2");
  meet();
  EXPECT_EQ(get(b().at("one")), "1");
  EXPECT_EQ(names(b().path()), (std::vector<std::string>{"one", "two"}));
  ASSERT_EQ(unlink(a().at("one").c_str()), 0);
  ASSERT_EQ(rename(a().at("two").c_str(), a().at("three").c_str()), 0);
  meet();
  EXPECT_FALSE(there(b().at("one")));
  EXPECT_FALSE(there(b().at("two")));
  EXPECT_EQ(get(b().at("three")), "2");
  EXPECT_EQ(names(b().path()), (std::vector<std::string>{"three"}));
}

TEST_F(TwoMounts, RenameOverAFileElsewhereKeepsOpenBytes) {
  put(a().at("f"), "old");
  put(a().at("new"), "new!");
  meet();
  const int fd = open(b().at("f").c_str(), O_RDONLY);
  ASSERT_GE(fd, 0);
  ASSERT_EQ(rename(a().at("new").c_str(), a().at("f").c_str()), 0);
  meet();
  EXPECT_EQ(get_all(fd), "old");
  EXPECT_EQ(get(b().at("f")), "new!");
  close(fd);
}

TEST_F(TwoMounts, LongNamesAreRefusedInEveryWay) {
  const std::string longest(255, 'n');
  put(a().at(longest), "x");
  EXPECT_EQ(get(a().at(longest)), "x");
  struct stat found {};
  EXPECT_EQ(stat(a().at(longest + "n").c_str(), &found), -1);
  EXPECT_EQ(errno, ENAMETOOLONG);
  EXPECT_EQ(open_error(a().at(longest + "n"), O_WRONLY | O_CREAT), ENAMETOOLONG);
}

// [S10]
TEST_F(TwoMounts, ExclusiveCreateHasOneWinner) {
  for (int round = 0; round < 50; ++round) {
    const std::string name = "lock" + std::to_string(round);
    const int in_a = open_error(a().at(name), O_WRONLY | O_CREAT | O_EXCL);
    const int in_b = open_error(b().at(name), O_WRONLY | O_CREAT | O_EXCL);
    EXPECT_EQ(in_a, 0);
    EXPECT_EQ(in_b, EEXIST);
  }
}

// [S10]
TEST_F(TwoMounts, LinksSymlinksAndModesTravel) {
  put(a().at("f"), "body");
  ASSERT_EQ(link(a().at("f").c_str(), a().at("g").c_str()), 0);
  ASSERT_EQ(symlink("f", a().at("s").c_str()), 0);
  ASSERT_EQ(chmod(a().at("f").c_str(), 0755), 0);
  meet();
  struct stat f {};
  struct stat g {};
  ASSERT_EQ(stat(b().at("f").c_str(), &f), 0);
  ASSERT_EQ(stat(b().at("g").c_str(), &g), 0);
  EXPECT_EQ(f.st_ino, g.st_ino);
  EXPECT_EQ(f.st_nlink, 2U);
  EXPECT_EQ(f.st_mode & 0777U, 0755U);
  EXPECT_EQ(std::filesystem::read_symlink(b().at("s")), "f");
  EXPECT_EQ(get(b().at("s")), "body");
  put(a().at("g"), "both", O_TRUNC);
  meet();
  EXPECT_EQ(get(b().at("f")), "both");
  ASSERT_EQ(unlink(b().at("g").c_str()), 0);
  meet();
  ASSERT_EQ(stat(a().at("f").c_str(), &f), 0);
  EXPECT_EQ(f.st_nlink, 1U);
}

TEST_F(TwoMounts, DirectoriesCountTheirLinksAndRefuseWhenFull) {
  ASSERT_EQ(mkdir(a().at("d").c_str(), 0755), 0);
  ASSERT_EQ(mkdir(a().at("d/e").c_str(), 0755), 0);
  meet();
  struct stat d {};
  ASSERT_EQ(stat(b().at("d").c_str(), &d), 0);
  EXPECT_EQ(d.st_nlink, 3U);
  EXPECT_EQ(rmdir(b().at("d").c_str()), -1);
  EXPECT_EQ(errno, ENOTEMPTY);
  EXPECT_EQ(unlink(b().at("d").c_str()), -1);
  EXPECT_EQ(errno, EISDIR);
  ASSERT_EQ(rmdir(b().at("d/e").c_str()), 0);
  ASSERT_EQ(rmdir(b().at("d").c_str()), 0);
  meet();
  EXPECT_FALSE(there(a().at("d")));
}

TEST_F(TwoMounts, ExtendedAttributesTravel) {
  put(a().at("f"), "x");
  ASSERT_EQ(setxattr(a().at("f").c_str(), "user.mood", "good", 4, 0), 0);
  meet();
  char value[64] = {};
  EXPECT_EQ(getxattr(b().at("f").c_str(), "user.mood", value, sizeof value), 4);
  EXPECT_EQ(std::string(value), "good");
  EXPECT_EQ(getxattr(b().at("f").c_str(), "user.none", value, sizeof value), -1);
  EXPECT_EQ(errno, ENODATA);
  EXPECT_EQ(setxattr(b().at("f").c_str(), "user.outboard.seq", "1", 1, 0), -1);
  EXPECT_EQ(errno, EACCES);
  const ssize_t size = getxattr(b().at("f").c_str(), "user.outboard.seq", value, sizeof value);
  ASSERT_GT(size, 0);
  EXPECT_EQ(std::string(value, static_cast<std::size_t>(size)), to_string(head()));
}

// [S10] Those of a file that has no name any more are its own still.
TEST_F(TwoMounts, ExtendedAttributesOfARemovedFileCanBeChanged) {
  put(a().at("f"), "x");
  ASSERT_EQ(setxattr(a().at("f").c_str(), "user.mood", "good", 4, 0), 0);
  const int file = open(a().at("f").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(unlink(a().at("f").c_str()), 0);
  char value[64] = {};
  EXPECT_EQ(fsetxattr(file, "user.late", "yes", 3, XATTR_CREATE), 0) << errno;
  EXPECT_EQ(fsetxattr(file, "user.late", "yes", 3, XATTR_CREATE), -1);
  EXPECT_EQ(errno, EEXIST);
  EXPECT_EQ(fgetxattr(file, "user.late", value, sizeof value), 3);
  EXPECT_EQ(fremovexattr(file, "user.late"), 0);
  EXPECT_EQ(fgetxattr(file, "user.late", value, sizeof value), -1);
  EXPECT_EQ(errno, ENODATA);
  EXPECT_EQ(fsetxattr(file, "user.outboard.version", "1", 1, 0), -1);
  EXPECT_EQ(errno, EACCES);
  close(file);
}

std::string told(int fd, const char* name) {
  char value[64] = {};
  const ssize_t size = fgetxattr(fd, name, value, sizeof value);
  return size < 0 ? std::string() : std::string(value, static_cast<std::size_t>(size));
}

// [S11] An open descriptor goes on telling of the bytes that it shows.
TEST_F(TwoMounts, ADescriptorOfOldBytesTellsWhoMadeThose) {
  put(a().at("f"), "old");
  meet();
  const int old = open(b().at("f").c_str(), O_RDONLY);
  ASSERT_GE(old, 0);
  const std::string version = told(old, "user.outboard.version");
  const std::string made_at = told(old, "user.outboard.changed_seq");
  EXPECT_FALSE(made_at.empty());
  put(a().at("f"), "newer bytes", O_TRUNC);
  meet();
  EXPECT_EQ(told(old, "user.outboard.version"), version);
  EXPECT_EQ(told(old, "user.outboard.changed_seq"), made_at);
  const int now = open(b().at("f").c_str(), O_RDONLY);
  ASSERT_GE(now, 0);
  EXPECT_NE(told(now, "user.outboard.version"), version);
  EXPECT_EQ(told(now, "user.outboard.changed_seq"), to_string(head()));
  EXPECT_EQ(fgetxattr(now, "user.outboard.session", nullptr, 0), -1);  // written by hand
  EXPECT_EQ(errno, ENODATA);
  EXPECT_EQ(flistxattr(now, nullptr, 0), 0);
  close(old);
  close(now);
}

TEST_F(TwoMounts, AListingOfManyNamesIsWhole) {
  for (int i = 0; i < 2000; ++i) put(a().at("file-" + std::to_string(i)), "x");
  meet();
  EXPECT_EQ(names(b().path()).size(), 2000U);
  EXPECT_EQ(names(a().path()).size(), 2000U);
  EXPECT_EQ(names(a().path()).size(), 2000U);
  for (int i = 0; i < 2000; i += 2) unlink(b().at("file-" + std::to_string(i)).c_str());
  meet();
  EXPECT_EQ(names(a().path()).size(), 1000U);
  EXPECT_EQ(names(b().path()).size(), 1000U);
}

TEST_F(TwoMounts, AReadOnlyViewShowsAndRefuses) {
  put(a().at("f"), "seen");
  fusefs::View view;
  view.read_only = true;
  Mount skills(store_, clock_, view);
  EXPECT_EQ(get(skills.at("f")), "seen");
  EXPECT_EQ(names(skills.path()), (std::vector<std::string>{"f"}));
  EXPECT_EQ(open_error(skills.at("f"), O_WRONLY), EROFS);
  EXPECT_EQ(open_error(skills.at("f"), O_WRONLY | O_TRUNC), EROFS);
  EXPECT_EQ(open_error(skills.at("g"), O_WRONLY | O_CREAT), EROFS);
  EXPECT_EQ(unlink(skills.at("f").c_str()), -1);
  EXPECT_EQ(errno, EROFS);
  put(a().at("f"), "changed", O_TRUNC);
  put(a().at("g"), "more");
  ASSERT_TRUE(skills.reach(head()));
  EXPECT_EQ(get(skills.at("f")), "changed");
  EXPECT_EQ(names(skills.path()), (std::vector<std::string>{"f", "g"}));
}

// [S20] Files belong to whoever mounts, execute bits are kept, and others' owners are refused.
TEST_F(TwoMounts, AViewShowsItsOwnOwner) {
  put(a().at("tool"), "#!/bin/sh\n");
  ASSERT_EQ(chmod(a().at("tool").c_str(), 0777), 0);
  fusefs::View view;
  view.uid = 1234;
  view.gid = 4321;
  Mount mount(store_, clock_, view);
  struct stat found {};
  ASSERT_EQ(stat(mount.at("tool").c_str(), &found), 0);
  EXPECT_EQ(found.st_uid, 1234U);
  EXPECT_EQ(found.st_gid, 4321U);
  EXPECT_EQ(found.st_mode & 0777U, 0755U);
  EXPECT_EQ(chown(mount.at("tool").c_str(), 1234, 4321), 0);
  EXPECT_EQ(chown(mount.at("tool").c_str(), 1, 1), -1);
  EXPECT_EQ(errno, EPERM);  // which `cp -p` forgives
}

// [S20]
TEST_F(TwoMounts, StoredOwnersAreFullPosix) {
  fusefs::View view;
  view.owners = fusefs::Owners::stored;
  Mount mount(store_, clock_, view);
  put(mount.at("f"), "x");
  ASSERT_EQ(chown(mount.at("f").c_str(), 7, 8), 0);
  ASSERT_EQ(chmod(mount.at("f").c_str(), 0640), 0);
  struct stat found {};
  ASSERT_EQ(stat(mount.at("f").c_str(), &found), 0);
  EXPECT_EQ(found.st_uid, 7U);
  EXPECT_EQ(found.st_gid, 8U);
  EXPECT_EQ(found.st_mode & 0777U, 0640U);
}

struct stat status_of(const std::string& path) {
  struct stat found {};
  EXPECT_EQ(lstat(path.c_str(), &found), 0) << path << ": " << errno;
  return found;
}

// On a thread of its own: the kernel keeps for each on whose behalf it reaches files.
void as_user(std::uint32_t user, const std::function<void()>& act) {
  std::thread thread([&] {
    setfsgid(user);
    setfsuid(user);
    act();
  });
  thread.join();
}

// [S20] As on a local disk: whoever may not give a file such rights takes them by changing it.
TEST_F(TwoMounts, S20_SetIdBitsEndWhenAnybodyElseWrites) {
  fusefs::View view;
  view.owners = fusefs::Owners::stored;
  Mount mount(store_, clock_, view);
  const std::string tool = mount.at("tool");
  put(tool, "x");
  struct Case {
    const char* what;
    std::function<void()> act;
  };
  const std::vector<Case> cases = {
      {"append", [&] { put(tool, "more", O_APPEND); }},
      {"write", [&] { put(tool, "over"); }},
      {"truncate", [&] { EXPECT_EQ(truncate(tool.c_str(), 1), 0); }},
      {"open", [&] { EXPECT_EQ(open_error(tool, O_WRONLY | O_TRUNC), 0); }},
  };
  for (const auto& [what, act] : cases) {
    SCOPED_TRACE(what);
    ASSERT_EQ(chmod(tool.c_str(), 06777), 0);
    act();
    EXPECT_EQ(status_of(tool).st_mode & 07777U, 06777U) << "root may";
    as_user(7, act);
    EXPECT_EQ(status_of(tool).st_mode & 07777U, 0777U);
    ASSERT_TRUE(mount.reach(head()));
    EXPECT_EQ(status_of(tool).st_mode & 07777U, 0777U);
  }
}

// [S20]
TEST_F(TwoMounts, S20_ASharedDirectoryGivesItsGroup) {
  fusefs::View view;
  view.owners = fusefs::Owners::stored;
  Mount mount(store_, clock_, view);
  const std::string team = mount.at("team");
  ASSERT_EQ(mkdir(team.c_str(), 0755), 0);
  ASSERT_EQ(chown(team.c_str(), 0, 42), 0);
  ASSERT_EQ(chmod(team.c_str(), 02775), 0);
  put(team + "/file", "x");
  ASSERT_EQ(mknod((team + "/node").c_str(), S_IFREG | 0644, 0), 0);
  ASSERT_EQ(mkfifo((team + "/fifo").c_str(), 0644), 0);
  ASSERT_EQ(symlink("file", (team + "/link").c_str()), 0);
  ASSERT_EQ(mkdir((team + "/below").c_str(), 0755), 0);
  put(team + "/below/file", "x");
  for (const char* name : {"/file", "/node", "/fifo", "/link", "/below", "/below/file"}) {
    EXPECT_EQ(status_of(team + name).st_gid, 42U) << name;
    EXPECT_EQ(status_of(team + name).st_uid, geteuid()) << name;
  }
  EXPECT_EQ(status_of(team + "/below").st_mode & 07777U, 02755U);
  EXPECT_EQ(status_of(team + "/file").st_mode & 07777U, 0644U);
  put(mount.at("own"), "x");
  EXPECT_EQ(status_of(mount.at("own")).st_gid, getegid());
}

// [S10]
TEST_F(TwoMounts, S10_ATimeThatIsTooFarAwayIsTheFurthestThereIs) {
  put(a().at("f"), "x");
  constexpr time_t kFar = 1'000'000'000'000;
  constexpr time_t kFurthest = std::numeric_limits<std::int64_t>::max() / 1'000'000'000 - 1;
  for (const time_t sign : {1, -1}) {
    const timespec times[] = {{sign * kFar, 0}, {sign * kFar, 5}};
    ASSERT_EQ(utimensat(AT_FDCWD, a().at("f").c_str(), times, 0), 0);
    EXPECT_EQ(status_of(a().at("f")).st_atim.tv_sec, sign * kFurthest);
    EXPECT_EQ(status_of(a().at("f")).st_mtim.tv_sec, sign * kFurthest);
    EXPECT_EQ(status_of(a().at("f")).st_mtim.tv_nsec, 5);
  }
}

struct statvfs space_of(const std::string& path) {
  struct statvfs shown {};
  EXPECT_EQ(statvfs(path.c_str(), &shown), 0) << errno;
  return shown;
}

// [S21] Without an answer what was known last.
TEST_F(TwoMounts, S21_AQuotaThatChangesIsShown) {
  FrozenStore server(store_);
  fusefs::View view;
  view.read_deadline = std::chrono::seconds(1);
  Mount far(server, clock_, view);
  put(far.at("f"), std::string(8192, 'x'));
  for (const std::uint64_t quota : {1U << 20U, 3U << 20U}) {
    VolumeSettings settings;
    settings.quota_bytes = quota;
    settings.quota_nodes = quota / 1024;
    store_.change_volume(volume_, settings);
    for (const bool frozen : {false, true}) {
      if (frozen) server.freeze();
      const struct statvfs shown = space_of(far.path());
      EXPECT_EQ(shown.f_blocks * shown.f_frsize, quota) << frozen;
      EXPECT_EQ(shown.f_bfree * shown.f_frsize, quota - 8192) << frozen;
      EXPECT_EQ(shown.f_files, quota / 1024) << frozen;
      server.thaw();
    }
  }
}

}  // namespace
}  // namespace outboard::tests
