#include "server/snapshot_cache.h"

#include <gtest/gtest.h>

namespace outboard::server {
namespace {

SnapshotCache::Entries entries(std::size_t count) {
  std::vector<Entry> all;
  for (std::size_t i = 0; i < count; ++i) {
    Entry entry;
    entry.dentry.name = std::to_string(i);
    entry.node.inode = Inode{i + 1};
    all.push_back(std::move(entry));
  }
  return std::make_shared<const std::vector<Entry>>(std::move(all));
}

const std::size_t kOne = SnapshotCache::bytes_of(entries(1)->front());

TEST(SnapshotCacheTest, GivesOutWhatIsTrueAsOfTheSeqAskedForAlone) {
  SnapshotCache cache(8 * kOne);
  cache.keep(VolumeId{1}, Seq{5}, entries(2));
  ASSERT_TRUE(cache.find(VolumeId{1}, Seq{5}));
  EXPECT_EQ(cache.find(VolumeId{1}, Seq{5})->size(), 2u);
  EXPECT_FALSE(cache.find(VolumeId{1}, Seq{4}));
  EXPECT_FALSE(cache.find(VolumeId{1}, Seq{6}));
  EXPECT_FALSE(cache.find(VolumeId{2}, Seq{5}));
}

TEST(SnapshotCacheTest, ANewerTreeTakesTheOldersPlaceAndNotTheOtherWayRound) {
  SnapshotCache cache(8 * kOne);
  cache.keep(VolumeId{1}, Seq{5}, entries(1));
  cache.keep(VolumeId{1}, Seq{7}, entries(2));
  cache.keep(VolumeId{1}, Seq{6}, entries(1));
  EXPECT_FALSE(cache.find(VolumeId{1}, Seq{5}));
  EXPECT_FALSE(cache.find(VolumeId{1}, Seq{6}));
  EXPECT_TRUE(cache.find(VolumeId{1}, Seq{7}));
}

TEST(SnapshotCacheTest, WhatWasNotAskedForLongestMakesRoom) {
  SnapshotCache cache(8 * kOne);
  for (std::uint64_t id = 1; id <= 4; ++id) cache.keep(VolumeId{id}, Seq{1}, entries(2));
  ASSERT_TRUE(cache.find(VolumeId{1}, Seq{1}));
  cache.keep(VolumeId{5}, Seq{1}, entries(1));
  EXPECT_TRUE(cache.find(VolumeId{1}, Seq{1}));
  EXPECT_FALSE(cache.find(VolumeId{2}, Seq{1}));
  EXPECT_TRUE(cache.find(VolumeId{5}, Seq{1}));
}

TEST(SnapshotCacheTest, AVolumeOverAQuarterIsNotKept) {
  SnapshotCache cache(8 * kOne);
  cache.keep(VolumeId{1}, Seq{1}, entries(1));
  cache.keep(VolumeId{2}, Seq{1}, entries(3));
  EXPECT_TRUE(cache.find(VolumeId{1}, Seq{1}));
  EXPECT_FALSE(cache.find(VolumeId{2}, Seq{1}));
}

}  // namespace
}  // namespace outboard::server
