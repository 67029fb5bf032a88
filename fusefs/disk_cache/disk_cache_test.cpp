#include "fusefs/disk_cache/disk_cache.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <vector>

#include "core/log.h"
#include "tests/support/temp_directory.h"

namespace outboard::fusefs {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kShards = 64;

class DiskCacheTest : public ::testing::Test {
 protected:
  DiskCacheTest() { open(); }

  void open(std::uint64_t bytes_max = kDiskCacheBytesDefault, const std::string& server = "here") {
    cache_.reset();
    auto opened = DiskCache::open({directory_.path(), server, bytes_max}, clock_);
    ASSERT_TRUE(opened) << opened.error().message;
    cache_ = *std::move(opened);
  }
  static DiskKey key(std::uint64_t inode, const std::string& content = "one",
                     std::uint64_t window = 0) {
    return {VolumeId{7}, Inode{inode}, content, window};
  }
  void put(const DiskKey& key, const std::string& bytes) {
    cache_->put(key, bytes, cache_->drops());
    ASSERT_TRUE(cache_->settled(std::chrono::steady_clock::now() + std::chrono::seconds(30)));
  }
  std::string get(const DiskKey& key, std::uint64_t size,
                  const std::optional<Sha256>& digest = std::nullopt) {
    return cache_->find(key, size, digest).value_or("nothing");
  }
  std::vector<fs::path> entries() const {
    std::vector<fs::path> found;
    for (const auto& one : fs::recursive_directory_iterator(directory_.path())) {
      if (one.is_regular_file() && one.path().filename() != "usage") found.push_back(one.path());
    }
    return found;
  }
  double figure(const std::string& name) const {
    Figures figures;
    cache_->measure(figures);
    for (const Figure& one : figures.all()) {
      if (one.name == "outboard_mount_disk_cache_" + name) return one.value;
    }
    return -1;
  }

  tests::TempDirectory directory_;
  ManualClock clock_;
  std::unique_ptr<DiskCache> cache_;
};

TEST_F(DiskCacheTest, S65_WhatWasPutIsFoundByTheNextDaemon) {
  put(key(1), "bytes");
  put(key(1, "two"), "other");
  put(key(1, "one", 3), "fourth");
  open();
  EXPECT_EQ(get(key(1), 5), "bytes");
  EXPECT_EQ(get(key(1, "two"), 5), "other");
  EXPECT_EQ(get(key(1, "one", 3), 6), "fourth");
  EXPECT_EQ(get(key(2), 5), "nothing");
  EXPECT_EQ(figure("hits_total"), 3);
  EXPECT_EQ(figure("misses_total"), 1);
}

TEST_F(DiskCacheTest, S65_AnotherServersContentsAreNotFound) {
  put(key(1), "bytes");
  open(kDiskCacheBytesDefault, "there");
  EXPECT_EQ(get(key(1), 5), "nothing");
}

TEST_F(DiskCacheTest, S65_WhatIsDamagedIsGoneAndNeverShown) {
  const auto entry_of = [&](std::uint64_t inode) {
    const auto before = entries();
    put(key(inode), "bytes");
    for (const auto& one : entries()) {
      if (std::ranges::find(before, one) == before.end()) return one;
    }
    return fs::path();
  };
  const fs::path cut = entry_of(1);
  const fs::path changed = entry_of(2);
  const fs::path other = entry_of(3);
  fs::resize_file(cut, fs::file_size(cut) - 1);
  fs::copy_file(entry_of(4), other, fs::copy_options::overwrite_existing);
  std::fstream(changed, std::ios::in | std::ios::out | std::ios::binary).seekp(9) << 'X';
  for (std::uint64_t inode = 1; inode <= 3; ++inode) EXPECT_EQ(get(key(inode), 5), "nothing");
  EXPECT_EQ(figure("damaged_total"), 3);
  EXPECT_EQ(entries().size(), 1U);
  for (std::uint64_t inode = 1; inode <= 3; ++inode) put(key(inode), "bytes");
  for (std::uint64_t inode = 1; inode <= 4; ++inode) EXPECT_EQ(get(key(inode), 5), "bytes");
}

TEST_F(DiskCacheTest, S65_WhatHasNotTheDigestThatTheServerTellsOfIsGone) {
  put(key(1), "bytes");
  EXPECT_EQ(get(key(1), 5, sha256("bytes")), "bytes");
  EXPECT_EQ(get(key(1), 5, sha256("other")), "nothing");
  EXPECT_EQ(get(key(1), 5, sha256("bytes")), "nothing");
  EXPECT_TRUE(entries().empty());
}

TEST_F(DiskCacheTest, S65_ADroppedFileIsGoneInAllItsWindowsWhoeverPutThem) {
  for (std::uint64_t window = 0; window < 100; ++window) put(key(1, "one", window), "bytes");
  put(key(1, "old"), "bytes");
  put(key(2), "bytes");
  open();
  const std::uint64_t before = cache_->drops();
  cache_->drop(VolumeId{7}, Inode{1});
  EXPECT_EQ(entries().size(), 1U);
  cache_->put(key(1), "bytes", before);  // by a read that began before
  EXPECT_TRUE(cache_->settled(std::chrono::steady_clock::now() + std::chrono::seconds(30)));
  EXPECT_EQ(get(key(1), 5), "nothing");
  EXPECT_EQ(get(key(2), 5), "bytes");
}

// They are not looked for in all that there is.
TEST_F(DiskCacheTest, S65_WhoTakesAFilesEntriesLooksAtFewOthers) {
  constexpr std::uint64_t kOthers = 500;
  constexpr std::uint64_t kWindows = 70;
  const auto file = [](std::uint64_t number) {
    return to_string(sha256(std::to_string(number))).substr(0, 32);
  };
  const auto directory =
      CacheDirectory::open(directory_.path(), kDiskCacheBytesDefault, clock_).value();
  for (std::uint64_t number = 1; number <= kOthers; ++number) {
    ASSERT_TRUE(directory.write({file(number), "one", 0}, "bytes"));
  }
  for (std::uint64_t window = 0; window < kWindows; ++window) {
    ASSERT_TRUE(directory.write({file(1), "two", window}, "bytes"));
  }
  EXPECT_LT(directory.remove_all(file(1)), kWindows + 10);
  EXPECT_EQ(entries().size(), kOthers - 1);
  EXPECT_LT(directory.remove_all(file(2)), 10U);
  EXPECT_EQ(entries().size(), kOthers - 2);
}

TEST_F(DiskCacheTest, S65_WhatWasUsedLeastRecentlyMakesRoom) {
  constexpr std::uint64_t kEach = 10;  // entries of one disk block that a shard may have
  open(kShards * kEach * 4'096);
  const std::string bytes(1'000, 'x');
  put(key(1), bytes);
  for (std::uint64_t i = 2; i < 200; ++i) {
    clock_.advance(kDiskCacheUseNoted + std::chrono::minutes(1));
    EXPECT_EQ(get(key(1), bytes.size()), bytes) << i;
    put(key(1, "one", 64 * i), bytes);  // in the same shard
  }
  EXPECT_LE(entries().size(), kEach);
  EXPECT_EQ(get(key(1, "one", 64 * 199), bytes.size()), bytes);
  EXPECT_EQ(get(key(1, "one", 64 * 2), bytes.size()), "nothing");
  EXPECT_GE(figure("evicted_total"), 150);
  EXPECT_EQ(figure("bytes"), static_cast<double>(entries().size() * 4'096));
}

TEST_F(DiskCacheTest, S65_TwoDaemonsKeepOneBudget) {
  constexpr std::uint64_t kEach = 10;
  open(kShards * kEach * 4'096);
  const auto other = DiskCache::open({directory_.path(), "here", kShards * kEach * 4'096}, clock_);
  ASSERT_TRUE(other);
  for (std::uint64_t i = 0; i < 50; ++i) {
    clock_.advance(std::chrono::seconds(1));
    put(key(1, "one", 64 * i), "bytes");
    (*other)->put(key(1, "two", 64 * i), "bytes", (*other)->drops());
    ASSERT_TRUE((*other)->settled(std::chrono::steady_clock::now() + std::chrono::seconds(30)));
  }
  EXPECT_LE(entries().size(), kEach);
  EXPECT_GE(entries().size(), kEach / 2);
  EXPECT_TRUE((*other)->find(key(1, "one", 64 * 49), 5, {}));
}

TEST_F(DiskCacheTest, S65_WhatAKilledDaemonWasWritingGoesInTheEnd) {
  open(kShards * 10 * 4'096);
  put(key(1), "bytes");
  const fs::path left = entries().front().parent_path() / ".killed-1";
  std::ofstream(left) << "half";
  const timespec old[2] = {{1, 0}, {1, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, left.c_str(), old, 0), 0);
  for (std::uint64_t i = 1; i < 20; ++i) put(key(1, "one", 64 * i), "bytes");
  EXPECT_FALSE(fs::exists(left));
}

TEST_F(DiskCacheTest, S65_ADirectoryThatIsGoneCostsHitsAndIsTriedAgain) {
  put(key(1), "bytes");
  fs::remove_all(directory_.path());
  put(key(2), "bytes");
  EXPECT_EQ(get(key(1), 5), "nothing");
  EXPECT_EQ(figure("failing"), 1);
  put(key(3), "bytes");
  EXPECT_EQ(figure("unkept_total"), 2);
}

TEST_F(DiskCacheTest, S65_OnlyItsUsersOwnClosedDirectoryIsTaken) {
  const auto refusal = [&](const std::string& path) {
    auto opened = DiskCache::open({path, "here", kDiskCacheBytesDefault}, clock_);
    return opened ? "taken" : std::string(name_of(opened.error().code));
  };
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0750), 0);
  EXPECT_EQ(refusal(directory_.path()), "no_access");
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0702), 0);
  EXPECT_EQ(refusal(directory_.path()), "no_access");
  EXPECT_EQ(refusal(directory_.path() + "/none"), "not_found");
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0700), 0);
  EXPECT_EQ(refusal(directory_.path()), "taken");
  if (::getuid() != 0) return;
  ASSERT_EQ(::chown(directory_.path().c_str(), 12345, 12345), 0);
  EXPECT_EQ(refusal(directory_.path()), "no_access");
}

}  // namespace
}  // namespace outboard::fusefs
