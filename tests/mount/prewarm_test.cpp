// What a program reads of a view that is warm, in requests of the kernel: they are counted, so they
// may be asserted. [S58]
#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "fusefs/walker.h"
#include "tests/mount/two_mounts.h"
#include "tests/support/child_process.h"

namespace outboard::tests {
namespace {

using Requests = std::map<std::string, std::uint64_t>;

class PrewarmTest : public TwoMounts {
 protected:
  // Three directories, each with small files, one of several chunks, an empty one and a symlink.
  void make_files() {
    for (const char* directory : {"one", "two", "three"}) {
      const std::string at = a().at(directory);
      std::filesystem::create_directory(at);
      for (int i = 0; i < 10; ++i) put(at + "/" + std::to_string(i), content_of(100 * i));
      put(at + "/large", content_of(200'000));
      std::filesystem::create_symlink("large", at + "/link");
    }
  }
  static fusefs::View read_only() {
    fusefs::View view = roomy();
    view.read_only = true;
    return view;
  }
  static std::string content_of(int size) {
    std::string bytes;
    for (int i = 0; i < size; ++i) bytes.push_back(static_cast<char>('a' + i % 23));
    return bytes;
  }
  static Moment soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(20); }

  // Everything there is, as find, ls -l and cat do it; how many bytes there were.
  static std::uint64_t read_all(const std::string& root) {
    std::uint64_t bytes = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
      if (entry.is_symlink()) {
        bytes += std::filesystem::read_symlink(entry.path()).string().size();
      } else if (entry.is_regular_file()) {
        EXPECT_EQ(entry.file_size(), get(entry.path()).size());
        bytes += get(entry.path()).size();
      }
    }
    return bytes;
  }
  static Requests more(const Requests& before, const Requests& after) {
    Requests grown;
    for (const auto& [name, count] : after) {
      const auto was = before.find(name);
      const std::uint64_t since = count - (was == before.end() ? 0 : was->second);
      if (since > 0) grown[name] = since;
    }
    return grown;
  }
  static std::string text_of(const Requests& requests) {
    std::string text;
    for (const auto& [name, count] : requests) text += name + " " + std::to_string(count) + " ";
    return text;
  }
};

TEST_F(PrewarmTest, S58_AReadOnlyViewThatWasWarmedIsReadWithoutARequest) {
  make_files();
  Mount warm(store_, clock_, read_only());
  ASSERT_TRUE(warm.reach(head()));
  EXPECT_EQ(fusefs::look_at_all(warm.path()), EXIT_SUCCESS);
  const auto done = warm.volume().prewarm("/", 64U << 20U, soon());
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->files, 33U);
  const Requests before = warm.activity().requests;
  const std::uint64_t bytes = read_all(warm.path());
  EXPECT_EQ(bytes, read_all(a().path()));
  const Requests since = more(before, warm.activity().requests);
  EXPECT_TRUE(since.empty()) << text_of(since);
}

TEST_F(PrewarmTest, S58_ASecondPassOverAReadOnlyViewCostsNothing) {
  make_files();
  Mount cold(store_, clock_, read_only());
  ASSERT_TRUE(cold.reach(head()));
  read_all(cold.path());
  const Requests before = cold.activity().requests;
  read_all(cold.path());
  const Requests since = more(before, cold.activity().requests);
  EXPECT_TRUE(since.empty()) << text_of(since);
}

// It asks each file for ACLs and labels, unless it hears that there are none.
TEST_F(PrewarmTest, S58_AWarmViewIsListedAtLength) {
  make_files();
  Mount warm(store_, clock_, read_only());
  ASSERT_TRUE(warm.reach(head()));
  EXPECT_EQ(fusefs::look_at_all(warm.path()), EXIT_SUCCESS);
  const Requests before = warm.activity().requests;
  EXPECT_EQ(
      run({"/bin/ls", "-lR", warm.path()}, {.user = {}, .environment = {}, .output = "/dev/null"}),
      EXIT_SUCCESS);
  Requests since = more(before, warm.activity().requests);
  EXPECT_LE(since["GETXATTR"], 3U);
  since.erase("GETXATTR");
  EXPECT_TRUE(since.empty()) << text_of(since);
}

// Of a view that may be written the daemon hears who opens what, and nothing else.
TEST_F(PrewarmTest, S58_APassOverAViewThatMayBeWrittenAsksOnlyToOpen) {
  b_ = std::make_unique<Mount>(store_, clock_, roomy());
  make_files();
  meet();
  read_all(b().path());
  read_all(b().path());  // where atimes may change, the kernel asks for them once behind each READ
  const Requests before = b().activity().requests;
  read_all(b().path());
  Requests since = more(before, b().activity().requests);
  for (const char* of_handles : {"OPEN", "RELEASE", "OPENDIR", "RELEASEDIR"}) {
    since.erase(of_handles);
  }
  EXPECT_TRUE(since.empty()) << text_of(since);
}

// [S1, S5] Bytes that were given to the kernel go as those do that it asked for.
TEST_F(PrewarmTest, S58_WhatIsWarmNeverGrowsOld) {
  make_files();
  Mount warm(store_, clock_, read_only());
  for (int round = 0; round < 20; ++round) {
    ASSERT_TRUE(warm.reach(head()));
    EXPECT_EQ(fusefs::look_at_all(warm.path()), EXIT_SUCCESS);
    std::thread warming([&] { EXPECT_TRUE(warm.volume().prewarm("/", 64U << 20U, soon())); });
    const std::string mark = "round " + std::to_string(round) + "\n";
    put(a().at("one/5"), mark, O_TRUNC);
    put(a().at("two/large"), mark, O_APPEND);
    warming.join();
    ASSERT_TRUE(warm.reach(head()));
    EXPECT_EQ(get(warm.at("one/5")), mark);
    EXPECT_EQ(get(warm.at("two/large")), get(a().at("two/large")));
    EXPECT_EQ(std::filesystem::file_size(warm.at("two/large")), get(a().at("two/large")).size());
  }
}

TEST_F(PrewarmTest, APlaceThatIsNotThereIsNamed) {
  const auto refused = a().volume().prewarm("/nowhere", 1U << 20U, soon());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::not_found);
}

}  // namespace
}  // namespace outboard::tests
