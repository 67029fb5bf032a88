#include "fusefs/volume/sibling_runs.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/limits.h"

namespace outboard::fusefs {
namespace {

class SiblingRunsTest : public ::testing::Test {
 protected:
  explicit SiblingRunsTest(std::size_t files = 1'000) {
    for (std::size_t i = 0; i < files; ++i) {
      const std::string name = "file" + std::to_string(10'000 + i);
      places_.emplace(place_of(name), Child{name, Inode{i + 2}});
      names_.push_back(name);
    }
    for (const auto& [place, child] : places_) listed_.push_back(child.name);
  }
  // How many a read of each name brings, of files of `bytes` of which those brought are not wanted.
  std::vector<std::size_t> brought(const std::vector<std::string>& read,
                                   std::uint64_t bytes = 100) {
    std::vector<std::size_t> counts;
    std::vector<Inode> here;
    for (const std::string& name : read) {
      const auto [from, to] = places_.equal_range(place_of(name));
      const auto child =
          std::find_if(from, to, [&](const auto& one) { return one.second.name == name; });
      if (std::ranges::find(here, child->second.inode) != here.end()) continue;
      here.push_back(child->second.inode);
      const auto next = runs_.next(Inode{1}, name, places_, [&](Inode inode) {
        return std::ranges::find(here, inode) == here.end() ? std::optional(bytes) : std::nullopt;
      });
      here.insert(here.end(), next.begin(), next.end());
      counts.push_back(next.size());
    }
    return counts;
  }

  Places places_;
  std::vector<std::string> names_, listed_;
  SiblingRuns runs_;
};

using Counts = std::vector<std::size_t>;

TEST_F(SiblingRunsTest, S58_InTheOrderOfTheListingMoreComesEachTime) {
  EXPECT_EQ(brought(listed_), (Counts{0, 16, 32, 64, 128, 256, 256, 240}));
}

TEST_F(SiblingRunsTest, S58_InTheOrderOfTheNamesToo) {
  EXPECT_EQ(brought(names_), (Counts{0, 16, 32, 64, 128, 256, 256, 240}));
}

TEST_F(SiblingRunsTest, S58_WhoReadsHereAndThereIsBroughtNothing) {
  std::vector<std::string> read;
  for (std::size_t i = 0; i < 50; ++i) read.push_back(names_[(i * 379) % names_.size()]);
  const Counts counts = brought(read);
  EXPECT_LE(std::ranges::count_if(counts, [](std::size_t count) { return count > 0; }), 2);
}

TEST_F(SiblingRunsTest, S58_NoMoreBytesThanTheLimitComeAtOnce) {
  for (const std::size_t count : brought(listed_, kSiblingBytesMax / 10)) EXPECT_LE(count, 10U);
}

TEST_F(SiblingRunsTest, S58_ManyDirectoriesAreForgottenAgain) {
  const auto wanted = [](Inode) { return std::optional<std::uint64_t>(1); };
  for (std::uint64_t i = 0; i < 10 * kSiblingRunsMax; ++i) {
    EXPECT_TRUE(runs_.next(Inode{100 + i}, listed_[0], places_, wanted).empty());
  }
  EXPECT_TRUE(runs_.next(Inode{100}, listed_[1], places_, wanted).empty());
  EXPECT_FALSE(runs_.next(Inode{100}, listed_[2], places_, wanted).empty());
}

}  // namespace
}  // namespace outboard::fusefs
