// A directory that is read file by file in a view that was not warmed, in questions to the store.
// [S58]
#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "tests/mount/counting_store.h"
#include "tests/mount/two_mounts.h"

namespace outboard::tests {
namespace {

namespace fs = std::filesystem;

constexpr int kFiles = 300;
// Few enough that single reads and batches are not mistaken for one question a file.
constexpr std::uint64_t kQuestions = 14;

class SiblingsTest : public TwoMounts {
 protected:
  SiblingsTest() {
    fs::create_directory(a().at("many"));
    for (int i = 0; i < kFiles; ++i) {
      put(a().at("many/" + std::to_string(1'000 + i)),
          std::string(kBytes, static_cast<char>('a' + i % 23)));
    }
    b_.reset();
    start();
  }
  ~SiblingsTest() override { b_.reset(); }  // before its store
  void start(const fusefs::View& view = roomy()) {
    b_.reset();
    b_ = std::make_unique<Mount>(counted_, clock_, view);
    ASSERT_TRUE(b().reach(head()));
    counted_.forget();
  }
  std::vector<std::string> names(bool sorted) {
    std::vector<std::string> names;
    for (const auto& one : fs::directory_iterator(b().at("many"))) {
      names.push_back(one.path().filename());
    }
    if (sorted) std::ranges::sort(names);
    return names;
  }
  void read(const std::string& name) {
    EXPECT_EQ(get(b().at("many/" + name)), get(a().at("many/" + name))) << name;
  }

  static constexpr std::size_t kBytes =
      kSnapshotBodyBytesMax + 1'000;  // they do not come with the names
  CountingStore counted_{store_};
};

TEST_F(SiblingsTest, S58_ADirectoryIsReadInTheOrderOfItsListingWithFewQuestions) {
  for (const std::string& name : names(false)) read(name);
  EXPECT_LE(counted_.asked(), kQuestions);
  EXPECT_GE(counted_.batches, 3U);
}

TEST_F(SiblingsTest, S58_ADirectoryIsReadInTheOrderOfItsNamesWithFewQuestions) {
  for (const std::string& name : names(true)) read(name);
  EXPECT_LE(counted_.asked(), kQuestions);
  EXPECT_GE(counted_.batches, 3U);
}

TEST_F(SiblingsTest, S58_WhoReadsHereAndThereCausesNoBatches) {
  const auto all = names(true);
  for (std::size_t i = 0; i < 10; ++i) read(all[(i * 137) % all.size()]);
  EXPECT_EQ(counted_.batches, 0U);
  EXPECT_EQ(counted_.reads, 10U);
}

TEST_F(SiblingsTest, S58_TheReadThatIsSeenThroughIsNotDelayed) {
  const auto all = names(false);
  counted_.hold_batches();
  read(all[0]);
  read(all[1]);                              // a batch begins, and stays away
  std::thread third([&] { read(all[2]); });  // it is in the batch
  read(all[200]);
  counted_.let_batches_go();
  third.join();
  EXPECT_EQ(counted_.batches, 1U);
  EXPECT_EQ(counted_.reads, 3U);
}

// What a batch was to bring and could not, its reader asks for.
TEST_F(SiblingsTest, S58_ABatchThatFailsCostsNobodyAnError) {
  counted_.fail_batches();
  for (const std::string& name : names(false)) read(name);
  EXPECT_EQ(counted_.reads, static_cast<std::uint64_t>(kFiles));
}

// [S1]
TEST_F(SiblingsTest, S58_WhatWasBroughtAheadIsNotShownOnceItIsOld) {
  const auto all = names(false);
  for (int i = 0; i < 5; ++i) read(all[static_cast<std::size_t>(i)]);
  for (const std::string& name : all) put(a().at("many/" + name), "new " + name, O_TRUNC);
  ASSERT_TRUE(b().reach(head()));
  for (const std::string& name : all) EXPECT_EQ(get(b().at("many/" + name)), "new " + name);
}

}  // namespace
}  // namespace outboard::tests
