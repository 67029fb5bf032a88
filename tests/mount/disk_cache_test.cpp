// Contents on the machine's disk, as the next mount finds them; what the store is asked for is
// counted. [S65]
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "tests/mount/counting_store.h"
#include "tests/mount/two_mounts.h"

namespace outboard::tests {
namespace {

namespace fs = std::filesystem;

class DiskCacheMountTest : public TwoMounts {
 protected:
  DiskCacheMountTest() {
    put(a().at("empty"), "");
    put(a().at("small"), text(100));
    put(a().at("page"), text(20'000));
    put(a().at("chunks"), text(300'000));
    put(a().at("large"), text(3'500'000));
    b_.reset();
  }
  static std::string text(std::size_t size) {
    std::string bytes;
    bytes.reserve(size);
    for (std::size_t i = 0; bytes.size() < size; ++i) bytes += std::to_string(i * size) + " ";
    bytes.resize(size);
    return bytes;
  }
  // The next daemon on this machine.
  void start(const fusefs::View& like = {}) {
    end();
    auto opened =
        fusefs::DiskCache::open({directory_.path(), "here", kDiskCacheBytesDefault}, clock_);
    ASSERT_TRUE(opened) << opened.error().message;
    disk_ = *std::move(opened);
    fusefs::View view = like;
    view.disk_cache = disk_.get();
    counted_.forget();
    b_ = std::make_unique<Mount>(counted_, clock_, view);
    ASSERT_TRUE(b().reach(head()));
  }
  void end() {
    b_.reset();
    disk_.reset();
  }
  void settle() { ASSERT_TRUE(disk_->settled(clock_.now() + std::chrono::seconds(30))); }
  // All files, as `a` shows them.
  void read_all() { EXPECT_EQ(listing(b().path()), listing(a().path())); }
  std::vector<fs::path> entries() const {
    std::vector<fs::path> found;
    for (const auto& one : fs::recursive_directory_iterator(directory_.path())) {
      if (one.is_regular_file() && one.path().filename() != "usage") found.push_back(one.path());
    }
    return found;
  }
  // The bytes of the version are gone from the store.
  void redact(const std::string& name) {
    const Call call = internal_call(clock_.now() + std::chrono::seconds(10));
    const auto node = store_.attributes(call, volume_, "/" + name, {});
    ASSERT_TRUE(node);
    Batch batch;
    batch.steps.push_back(Step{Redact{node->value.inode, node->value.version}, {}});
    const auto done = store_.apply(call, volume_, batch);
    ASSERT_TRUE(done) << done.error().message;
  }

  TempDirectory directory_;
  CountingStore counted_{store_};
  std::unique_ptr<fusefs::DiskCache> disk_;
};

TEST_F(DiskCacheMountTest, S65_TheNextMountAsksForNoContentAgain) {
  start();
  read_all();
  start();
  read_all();
  EXPECT_EQ(counted_.asked(), 0U);
  EXPECT_EQ(counted_.bodies, 0U);
  EXPECT_GE(disk_->use().hits, 4U);
  end();
}

TEST_F(DiskCacheMountTest, S65_WhatChangedIsAskedForAndTheOldIsNotShown) {
  start();
  read_all();
  end();
  put(a().at("chunks"), "other", O_TRUNC);
  put(a().at("large"), text(2'000'000), O_TRUNC);
  start();
  read_all();
  EXPECT_GT(counted_.asked(), 0U);
  end();
}

TEST_F(DiskCacheMountTest, S65_ADamagedEntryIsFetchedAnewAndNeverShown) {
  start();
  read_all();
  end();
  for (const auto& one : entries()) {
    std::fstream file(one, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(fs::file_size(one)) - 1);
    file << '\x7f';
  }
  start();
  read_all();
  EXPECT_GT(counted_.asked() + counted_.bodies, 0U);
  start();
  read_all();  // what came with the names had not been looked for on the disk
  start();
  read_all();
  EXPECT_EQ(counted_.asked() + counted_.bodies, 0U);
  end();
}

// What was written in parts has no digest: the store says once that it still has this version.
TEST_F(DiskCacheMountTest, S65_ALargeFileWithoutADigestIsAskedForOnce) {
  const int fd = open(a().at("large").c_str(), O_WRONLY);
  ASSERT_EQ(pwrite(fd, "in place", 8, 2'000'000), 8);
  close(fd);
  start();
  EXPECT_EQ(get(b().at("large")), get(a().at("large")));
  EXPECT_EQ(counted_.reads, 4U);
  start();
  EXPECT_EQ(get(b().at("large")), get(a().at("large")));
  EXPECT_EQ(counted_.reads, 1U);
  redact("large");
  end();
  start();
  EXPECT_EQ(get(b().at("large")).substr(0, 6), "error:");
  end();
}

// [S30]
TEST_F(DiskCacheMountTest, S65_RedactedIsGoneFromTheDiskWhenTheMountHasAcknowledgedIt) {
  start();
  read_all();
  settle();
  const std::size_t before = entries().size();
  redact("large");
  ASSERT_TRUE(b().reach(head()));
  EXPECT_EQ(entries().size(), before - 4);
  redact("small");
  ASSERT_TRUE(b().reach(head()));
  EXPECT_EQ(entries().size(), before - 5);
  EXPECT_EQ(get(b().at("large")).substr(0, 6), "error:");
  EXPECT_EQ(get(b().at("small")).substr(0, 6), "error:");
  EXPECT_EQ(get(b().at("page")), text(20'000));
  end();
}

// Nobody is told of its digest any more.
TEST_F(DiskCacheMountTest, S65_WhatWasRedactedWithoutAMountIsNotShown) {
  start();
  read_all();
  end();
  for (const char* name : {"small", "chunks", "large"}) redact(name);
  start();
  for (const char* name : {"small", "chunks", "large"}) {
    EXPECT_EQ(get(b().at(name)).substr(0, 6), "error:") << name;
  }
  end();
}

TEST_F(DiskCacheMountTest, S65_AFullDiskIsNoErrorToAProgram) {
  ASSERT_EQ(mount("tmpfs", directory_.path().c_str(), "tmpfs", 0, "size=1m,mode=0700"), 0)
      << "this test needs to mount: " << strerror(errno);
  start();
  read_all();
  settle();
  EXPECT_TRUE(disk_->use().failing);
  start();
  read_all();
  EXPECT_GT(counted_.asked(), 0U);
  end();
  EXPECT_EQ(umount2(directory_.path().c_str(), MNT_DETACH), 0);
}

TEST_F(DiskCacheMountTest, S65_WithoutTheServerWhatIsOnTheDiskIsRead) {
  start();
  read_all();
  start(roomy());
  counted_.freeze();
  EXPECT_EQ(get(b().at("large")), text(3'500'000));
  counted_.thaw();
  end();
}

}  // namespace
}  // namespace outboard::tests
