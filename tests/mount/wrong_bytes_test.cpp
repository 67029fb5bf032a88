// A store, or what lies between, that hands out other bytes than it has told of: no program sees
// them, whichever way they came. [S1]
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/mount/frozen_store.h"
#include "tests/mount/two_mounts.h"

namespace outboard::tests {
namespace {

class LyingStore final : public FrozenStore {
 public:
  explicit LyingStore(Store& below) : FrozenStore(below) {}

  std::atomic<bool> in_names = false;
  std::atomic<bool> in_batches = false;
  std::atomic<bool> in_reads = false;
  std::atomic<bool> cuts = false;  // instead of another last byte

  Result<At<Content>> read(const Call& call, VolumeId volume, Inode inode, Version version,
                           std::uint64_t offset, std::size_t size) override {
    auto answer = FrozenStore::read(call, volume, inode, version, offset, size);
    if (answer && in_reads) spoil(answer->value.bytes);
    return answer;
  }
  Result<At<std::vector<Result<Content>>>> read_many(const Call& call, VolumeId volume,
                                                     const std::vector<ContentKey>& keys) override {
    auto answer = FrozenStore::read_many(call, volume, keys);
    if (!answer || !in_batches) return answer;
    for (auto& content : answer->value) {
      if (content) spoil(content->bytes);
    }
    return answer;
  }
  Result<Seq> snapshot(const Call& call, VolumeId volume, const SnapshotQuery& query,
                       const std::function<void(SnapshotPart)>& take) override {
    return FrozenStore::snapshot(call, volume, query, [&](SnapshotPart part) {
      for (auto& body : part.bodies) {
        if (in_names) spoil(body.second);
      }
      take(std::move(part));
    });
  }

 private:
  void spoil(std::string& bytes) const {
    if (bytes.empty()) return;
    if (cuts) return bytes.pop_back();
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
  }
};

class WrongBytesTest : public TwoMounts {
 protected:
  WrongBytesTest() {
    put(a().at("empty"), "");
    put(a().at("small"), "small");
    put(a().at("page"), std::string(10'000, 'p'));
    put(a().at("chunks"), std::string(200'000, 'c'));
    b_.reset();
  }
  ~WrongBytesTest() override { b_.reset(); }  // before its store
  void start(fusefs::DiskCache* disk = nullptr) {
    b_.reset();
    fusefs::View view;
    view.disk_cache = disk;
    b_ = std::make_unique<Mount>(lying_, clock_, roomy(view));
    ASSERT_TRUE(b().reach(head()));
  }
  double wrong() {
    Figures figures;
    b().volume().measure(figures, {});
    for (const Figure& one : figures.all()) {
      if (one.name == "outboard_mount_content_wrong_total") return one.value;
    }
    return -1;
  }
  void expect_right() { EXPECT_EQ(listing(b().path()), listing(a().path())); }
  static Moment soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(20); }

  LyingStore lying_{store_};
};

TEST_F(WrongBytesTest, S1_WrongBytesThatCameWithTheNamesAreAskedForAgain) {
  for (const bool cuts : {false, true}) {
    lying_.cuts = cuts;
    lying_.in_names = true;
    start();
    expect_right();
    EXPECT_EQ(wrong(), 2) << cuts;
    expect_right();
    EXPECT_EQ(wrong(), 2) << cuts;
  }
}

TEST_F(WrongBytesTest, S1_WrongBytesOfABatchAreAskedForAgain) {
  lying_.in_names = true;
  lying_.in_batches = true;
  start();
  const auto warmed = b().volume().prewarm("/", 64U << 20U, soon());
  ASSERT_TRUE(warmed);
  EXPECT_EQ(warmed->files, 1U) << "the empty one";
  EXPECT_EQ(wrong(), 5);
  lying_.in_batches = false;
  expect_right();
  EXPECT_EQ(wrong(), 5);
}

TEST_F(WrongBytesTest, S1_WrongBytesAreAnErrorAndNothingIsKept) {
  lying_.in_names = true;
  lying_.in_batches = true;
  lying_.in_reads = true;
  start();
  EXPECT_EQ(get(b().at("page")), "error: Input/output error");
  EXPECT_EQ(get(b().at("chunks")), "error: Input/output error");
  lying_.in_reads = false;
  lying_.in_batches = false;
  expect_right();
}

// [S65]
TEST_F(WrongBytesTest, S65_WrongBytesAreNotPutOnTheDisk) {
  const TempDirectory directory;
  const auto disk =
      fusefs::DiskCache::open({directory.path(), "here", kDiskCacheBytesDefault}, clock_).value();
  lying_.in_names = true;
  start(disk.get());
  ASSERT_TRUE(disk->settled(soon()));
  std::size_t entries = 0;
  for (const auto& one : std::filesystem::recursive_directory_iterator(directory.path())) {
    if (one.is_regular_file() && one.file_size() > 1'000) ++entries;
  }
  EXPECT_EQ(entries, 0U);
  expect_right();
  ASSERT_TRUE(disk->settled(soon()));
  start(disk.get());
  expect_right();
  EXPECT_EQ(wrong(), 0);
  b_.reset();
}

}  // namespace
}  // namespace outboard::tests
