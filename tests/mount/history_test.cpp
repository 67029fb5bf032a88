// `.history`: versions and moments as files, through the kernel. [S11]
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>

#include "tests/mount/two_mounts.h"

namespace outboard::tests {
namespace {

using Names = std::vector<std::string>;

class HistoryTest : public TwoMounts {
 protected:
  static fusefs::View read_only() {
    fusefs::View view;
    view.read_only = true;
    return view;
  }
  static Names names_in(const std::string& directory) {
    Names names;
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(directory, none)) {
      names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  // What each version of a file holds, oldest first: one is empty, as open(O_CREAT) made it.
  static Names contents_in(const std::string& directory) {
    Names contents;
    for (const std::string& name : names_in(directory))
      contents.push_back(get(directory + "/" + name));
    return contents;
  }
  static std::string xattr(const std::string& path, const char* name) {
    std::array<char, 256> value{};
    const auto size = ::getxattr(path.c_str(), name, value.data(), value.size());
    return size < 0 ? "" : std::string(value.data(), static_cast<std::size_t>(size));
  }
};

TEST_F(HistoryTest, S11_EachVersionOfAFileIsAFile) {
  std::filesystem::create_directory(a().at("notes"));
  put(a().at("notes/plan.md"), "one");
  put(a().at("notes/plan.md"), "two, longer", O_TRUNC);
  meet();
  put(b().at("notes/plan.md"), "three", O_TRUNC);
  meet();
  Mount reader(store_, clock_, read_only());
  for (const std::string& root : {a().path(), b().path(), reader.path()}) {
    EXPECT_EQ(names_in(root), Names{"notes"}) << "hidden";
    EXPECT_EQ(names_in(root + "/.history"), Names{"notes"});
    EXPECT_EQ(names_in(root + "/.history/notes"), Names{"plan.md"});
    const std::string versions = root + "/.history/notes/plan.md";
    EXPECT_EQ(contents_in(versions), (Names{"", "one", "two, longer", "three"})) << root;
    const Names names = names_in(versions);
    EXPECT_TRUE(names.front().ends_with(".md")) << names.front();
    EXPECT_EQ(xattr(versions + "/" + names[2], "user.outboard.version"), "3");
    EXPECT_EQ(std::stoull(names[2]),
              std::stoull(xattr(versions + "/" + names[2], "user.outboard.changed_seq")));
  }
}

// What was removed is found where it stood, and what was removed in a removed directory there.
TEST_F(HistoryTest, S11_WhatWasRemovedStandsInItsDirectorysHistory) {
  std::filesystem::create_directory(a().at("notes"));
  std::filesystem::create_directory(a().at("notes/old"));
  put(a().at("notes/old/deep.md"), "deep");
  put(a().at("notes/gone.md"), "one");
  put(a().at("notes/gone.md"), "two", O_TRUNC);
  put(a().at("notes/kept.md"), "kept");
  put(a().at("notes/moved.md"), "moved");
  ASSERT_EQ(rename(a().at("notes/moved.md").c_str(), a().at("elsewhere.md").c_str()), 0);
  ASSERT_EQ(unlink(a().at("notes/gone.md").c_str()), 0);
  std::filesystem::remove_all(a().at("notes/old"));
  meet();
  Mount reader(store_, clock_, read_only());
  for (const std::string& root : {a().path(), b().path(), reader.path()}) {
    const std::string notes = root + "/.history/notes";
    EXPECT_EQ(names_in(notes), (Names{"gone.md", "kept.md", "old"})) << root;
    EXPECT_EQ(contents_in(notes + "/gone.md"), (Names{"", "one", "two"})) << root;
    EXPECT_TRUE(names_in(notes + "/gone.md").front().ends_with(".md"));
    EXPECT_EQ(names_in(notes + "/old"), Names{"deep.md"}) << root;
    EXPECT_EQ(contents_in(notes + "/old/deep.md"), (Names{"", "deep"})) << root;
    EXPECT_FALSE(there(notes + "/never.md"));
    EXPECT_FALSE(there(notes + "/moved.md"));
    EXPECT_EQ(names_in(root), (Names{"elsewhere.md", "notes"}));
  }
  put(a().at("notes/gone.md"), "another", O_TRUNC);
  meet();
  EXPECT_EQ(contents_in(b().at(".history/notes/gone.md")), (Names{"", "another"}));
  EXPECT_EQ(names_in(b().at(".history/notes")), (Names{"gone.md", "kept.md", "old"}));
}

// A listing has an end: the newest are there, and older ones are found by name.
TEST_F(HistoryTest, S11_OfManyRemovedTheNewestAreListed) {
  const std::size_t count = kRemovedNamesMax + 10;
  for (std::size_t i = 0; i < count; ++i) {
    put(a().at("f" + std::to_string(i)), "x");
    ASSERT_EQ(unlink(a().at("f" + std::to_string(i)).c_str()), 0);
  }
  meet();
  const Names names = names_in(b().at(".history"));
  EXPECT_EQ(names.size(), std::size_t{kRemovedNamesMax});
  EXPECT_EQ(std::ranges::count(names, "f" + std::to_string(count - 1)), 1);
  EXPECT_EQ(std::ranges::count(names, "f9"), 0);
  EXPECT_EQ(contents_in(b().at(".history/f9")), (Names{"", "x"}));
}

// The kernel may keep what it lists, and still the next look shows what has come.
TEST_F(HistoryTest, S11_WhatIsNewIsThereAtTheNextLook) {
  Mount reader(store_, clock_, read_only());
  for (int round = 1; round <= 30; ++round) {
    put(a().at("f"), std::to_string(round), O_TRUNC);
    put(a().at("g" + std::to_string(round)), "x");
    meet();
    ASSERT_TRUE(reader.reach(head()));
    for (const std::string& root : {a().path(), b().path(), reader.path()}) {
      const Names contents = contents_in(root + "/.history/f");
      ASSERT_EQ(contents.size(), static_cast<std::size_t>(round) + 1) << root;
      ASSERT_EQ(contents.back(), std::to_string(round)) << root;
      ASSERT_EQ(names_in(root + "/.history").size(), static_cast<std::size_t>(round) + 1) << root;
    }
  }
}

// A tree as it stood behind a change, with what was removed since.
TEST_F(HistoryTest, S11_AMomentIsAWholeTree) {
  std::filesystem::create_directories(a().at("old/deep"));
  put(a().at("old/deep/file"), "as it was");
  std::filesystem::create_symlink("deep/file", a().at("old/link"));
  for (int i = 0; i < 50; ++i) put(a().at("old/" + std::to_string(i)), std::to_string(i));
  meet();
  const std::string then = "/.history/@" + to_string(head());
  std::filesystem::remove_all(a().at("old"));
  put(a().at("new"), "as it is");
  meet();
  Mount reader(store_, clock_, read_only());
  for (const std::string& root : {a().path(), b().path(), reader.path()}) {
    EXPECT_EQ(names_in(root), Names{"new"});
    EXPECT_EQ(names_in(root + then), Names{"old"});
    EXPECT_EQ(names_in(root + then + "/old").size(), 52U);
    EXPECT_EQ(get(root + then + "/old/deep/file"), "as it was");
    EXPECT_EQ(get(root + then + "/old/link"), "as it was");
    EXPECT_EQ(get(root + then + "/old/7"), "7");
    EXPECT_EQ(::access((root + then + "/new").c_str(), F_OK), -1);
    EXPECT_EQ(::access((root + "/.history/@999999").c_str(), F_OK), -1) << "it has not come yet";
    EXPECT_EQ(::access((root + "/.history/@1x").c_str(), F_OK), -1);
  }
}

// [S28] Each shows the attributes that it had: a moment's then, a version's when it was written.
TEST_F(HistoryTest, S28_AttributesOfThePastAreShown) {
  const auto set = [&](const std::string& path, const std::string& value) {
    ASSERT_EQ(::setxattr(a().at(path).c_str(), "user.note", value.data(), value.size(), 0), 0);
  };
  std::filesystem::create_directory(a().at("d"));
  put(a().at("d/f"), "one");
  set("d", "of the directory");
  set("d/f", "first");
  put(a().at("d/f"), "two", O_TRUNC);
  meet();
  const std::string then = "/.history/@" + to_string(head()) + "/d";
  set("d/f", "second");
  set("d", "later");
  ASSERT_EQ(::removexattr(a().at("d").c_str(), "user.note"), 0);
  put(a().at("d/f"), "three", O_TRUNC);
  meet();
  Mount reader(store_, clock_, read_only());
  for (const std::string& root : {a().path(), b().path(), reader.path()}) {
    EXPECT_EQ(xattr(root + then, "user.note"), "of the directory");
    EXPECT_EQ(xattr(root + then + "/f", "user.note"), "first");
    EXPECT_EQ(xattr(root + "/d", "user.note"), "");
    std::array<char, 64> list{};
    const std::string moment = root + then + "/f";
    ASSERT_EQ(::listxattr(moment.c_str(), list.data(), list.size()), 10);
    EXPECT_STREQ(list.data(), "user.note");
    const std::string versions = root + "/.history/d/f/";
    const Names names = names_in(versions);
    ASSERT_EQ(names.size(), 4U);
    EXPECT_EQ(xattr(versions + names[1], "user.note"), "");
    EXPECT_EQ(::listxattr((versions + names[1]).c_str(), list.data(), list.size()), 0);
    EXPECT_EQ(xattr(versions + names[2], "user.note"), "first");
    EXPECT_EQ(xattr(versions + names[3], "user.note"), "second");
    EXPECT_EQ(::listxattr((root + "/.history/d").c_str(), list.data(), list.size()), 0);
  }
}

TEST_F(HistoryTest, S11_ThePastIsNotChanged) {
  put(a().at("f"), "one");
  put(a().at("f"), "two", O_TRUNC);
  const std::string versions = a().at(".history/f");
  const std::string first = versions + "/" + names_in(versions).at(1);
  const auto refused = [](int result) { return result == -1 ? errno : 0; };
  EXPECT_EQ(refused(::open(first.c_str(), O_WRONLY)), EROFS);
  EXPECT_EQ(refused(::open((versions + "/mine").c_str(), O_CREAT | O_WRONLY, 0600)), EROFS);
  EXPECT_EQ(refused(::truncate(first.c_str(), 0)), EROFS);
  EXPECT_EQ(refused(::chmod(first.c_str(), 0777)), EROFS);
  EXPECT_EQ(refused(::unlink(first.c_str())), EROFS);
  EXPECT_EQ(refused(::rmdir(versions.c_str())), EROFS);
  EXPECT_EQ(refused(::mkdir((versions + "/d").c_str(), 0700)), EROFS);
  EXPECT_EQ(refused(::rename(first.c_str(), a().at("taken").c_str())), EROFS);
  EXPECT_EQ(refused(::rename(a().at("f").c_str(), (versions + "/f").c_str())), EROFS);
  EXPECT_EQ(refused(::link(first.c_str(), a().at("taken").c_str())), EROFS);
  EXPECT_EQ(refused(::setxattr(first.c_str(), "user.mine", "1", 1, 0)), EROFS);
  EXPECT_EQ(refused(::mkdir(a().at(".history").c_str(), 0700)), EEXIST);
  const int fd = ::open(first.c_str(), O_RDONLY);
  ASSERT_GE(fd, 0);
  EXPECT_EQ(::fsync(fd), 0);
  EXPECT_EQ(::close(fd), 0);
  EXPECT_EQ(contents_in(versions), (Names{"", "one", "two"}));
  struct stat status {};
  ASSERT_EQ(::stat(first.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0444U);
  std::filesystem::copy_file(first, a().at("f"), std::filesystem::copy_options::overwrite_existing);
  EXPECT_EQ(get(a().at("f")), "one") << "the way back";
}

// [S30] Purged bytes are read no more, whoever had read them before.
TEST_F(HistoryTest, S30_RedactedVersionsAreReadNoMore) {
  put(a().at("f"), "a secret");
  put(a().at("f"), "harmless", O_TRUNC);
  meet();
  Mount reader(store_, clock_, read_only());
  const Names names = names_in(b().at(".history/f"));
  ASSERT_EQ(names.size(), 3U);
  for (const std::string& root : {b().path(), reader.path()}) {
    ASSERT_EQ(get(root + "/.history/f/" + names[1]), "a secret");
  }
  const int fd = ::open((b().at(".history/f/") + names[1]).c_str(), O_RDONLY);
  auto node = store_.attributes(Call{}, volume_, std::string("/f"), {});
  ASSERT_TRUE(node);
  Batch batch;
  batch.steps.push_back(Step{Redact{node->value.inode, Version{2}}, {}});
  ASSERT_TRUE(store_.apply(internal_call(Moment::max()), volume_, batch));
  meet();
  ASSERT_TRUE(reader.reach(head()));
  std::array<char, 16> buffer{};
  EXPECT_EQ(::pread(fd, buffer.data(), buffer.size(), 0), -1);
  EXPECT_EQ(errno, EIO);
  ::close(fd);
  for (const std::string& root : {b().path(), reader.path()}) {
    EXPECT_EQ(contents_in(root + "/.history/f"), (Names{"", "harmless"}));
  }
}

}  // namespace
}  // namespace outboard::tests
