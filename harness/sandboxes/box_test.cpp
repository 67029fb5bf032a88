#include "harness/sandboxes/box.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temp_directory.h"

namespace outboard::harness {
namespace {

TEST(RemoveTree, TakesADeepTreeApart) {
  const tests::TempDirectory directory;
  const std::string tree = directory.path() + "/tree";
  std::filesystem::create_directory(tree);
  int at = ::open(tree.c_str(), O_RDONLY | O_DIRECTORY);
  for (int depth = 0; depth < 5'000; ++depth) {  // far beyond PATH_MAX and our descriptors
    ASSERT_EQ(::mkdirat(at, "d", 0755), 0);
    ::close(::openat(at, "f", O_WRONLY | O_CREAT, 0644));
    const int next = ::openat(at, "d", O_RDONLY | O_DIRECTORY);
    ::close(at);
    at = next;
  }
  ::close(at);
  const auto removed = remove_tree(tree);
  EXPECT_TRUE(removed) << removed.error().message;
  EXPECT_FALSE(std::filesystem::exists(tree));
}

TEST(RemoveTree, FollowsNoSymlink) {
  const tests::TempDirectory directory;
  std::filesystem::create_directories(directory.path() + "/tree/sub");
  std::filesystem::create_directories(directory.path() + "/outside");
  std::ofstream(directory.path() + "/outside/kept") << "kept";
  std::filesystem::create_symlink("../../outside", directory.path() + "/tree/sub/link");
  ASSERT_TRUE(remove_tree(directory.path() + "/tree"));
  EXPECT_TRUE(std::filesystem::exists(directory.path() + "/outside/kept"));
  EXPECT_TRUE(remove_tree(directory.path() + "/tree"));  // nothing there
  std::filesystem::create_symlink("outside", directory.path() + "/tree");
  EXPECT_FALSE(remove_tree(directory.path() + "/tree"));
}

TEST(PrepareBox, WorkspaceStaysAndTheRestIsNew) {
  ASSERT_EQ(::geteuid(), 0u) << "this test gives files away and needs root";
  const tests::TempDirectory directory;
  const std::string home = directory.path() + "/home";
  std::filesystem::create_directory(home);
  SandboxSpec spec;
  spec.token = "ob_secret";
  ASSERT_TRUE(prepare_box(home, spec, 70'000));
  std::ofstream(workspace_of(home) + "/kept") << "kept";
  std::ofstream(home + "/exec/stale") << "stale";
  ASSERT_TRUE(prepare_box(home, spec, 70'000));
  EXPECT_TRUE(std::filesystem::exists(workspace_of(home) + "/kept"));
  EXPECT_FALSE(std::filesystem::exists(home + "/exec/stale"));
  struct stat token {};
  ASSERT_EQ(::stat(token_of(home).c_str(), &token), 0);
  EXPECT_EQ(token.st_uid, 70'000u);
  EXPECT_EQ(token.st_mode & 0777U, 0400u);
}

}  // namespace
}  // namespace outboard::harness
