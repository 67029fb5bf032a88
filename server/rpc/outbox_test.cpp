#include "server/rpc/outbox.h"

#include <gtest/gtest.h>

#include "core/limits.h"

namespace outboard::server {
namespace {

std::shared_ptr<const FeedItem> changes(std::uint64_t first, std::uint64_t last) {
  auto item = std::make_shared<FeedItem>();
  for (std::uint64_t seq = first; seq <= last; ++seq) {
    item->changes.emplace_back().seq = Seq{seq};
  }
  item->upto = Seq{last};
  return item;
}

std::shared_ptr<const FeedItem> mark(std::uint64_t upto) {
  auto item = std::make_shared<FeedItem>();
  item->upto = Seq{upto};
  return item;
}

// The seqs of all that can be taken, until nothing or an end.
std::vector<std::uint64_t> seqs(Outbox& outbox, std::optional<FeedEnd>& end) {
  std::vector<std::uint64_t> seqs;
  while (auto parcel = outbox.take()) {
    v1::WatchResponse message;
    write(*parcel, &message);
    EXPECT_LE(static_cast<std::size_t>(message.changes().changes_size()), kWatchMessageChanges);
    for (const auto& change : message.changes().changes()) seqs.push_back(change.seq());
    end = parcel->end;
    if (end) break;
  }
  return seqs;
}

TEST(Outbox, NothingLeavesBeforeItIsConfirmed) {
  Outbox outbox;
  ASSERT_TRUE(outbox.open(1, VolumeId{7}));
  EXPECT_FALSE(outbox.open(1, VolumeId{7}));
  EXPECT_TRUE(outbox.offer(1, changes(1, 2)));
  EXPECT_FALSE(outbox.take());
  outbox.confirm(1);
  EXPECT_TRUE(outbox.take()->subscribed);
  std::optional<FeedEnd> end;
  EXPECT_EQ(seqs(outbox, end), (std::vector<std::uint64_t>{1, 2}));
}

TEST(Outbox, WhatTheWatcherIsTakenForIsSaidFirst) {
  Outbox outbox;
  outbox.open(1, VolumeId{7});
  outbox.confirm(1);
  outbox.say_frozen(true);
  outbox.say_frozen(false);
  v1::WatchResponse message;
  write(*outbox.take(), &message);
  EXPECT_EQ(message.state().state(), v1::WATCHER_STATE_LIVE);
  EXPECT_TRUE(outbox.take()->subscribed);
  EXPECT_FALSE(outbox.take());
}

TEST(Outbox, LargeItemsAreCutAndSmallOnesJoined) {
  Outbox outbox;
  outbox.open(1, VolumeId{7});
  outbox.confirm(1);
  (void)outbox.take();
  outbox.offer(1, changes(1, 1'000));
  for (std::uint64_t seq = 1'001; seq <= 1'100; ++seq) outbox.offer(1, changes(seq, seq));
  std::optional<FeedEnd> end;
  const auto taken = seqs(outbox, end);
  ASSERT_EQ(taken.size(), 1'100U);
  for (std::size_t i = 0; i < taken.size(); ++i) EXPECT_EQ(taken[i], i + 1);
}

// [S7] A mark that says nothing of it does not take away that a volume has become strict.
TEST(Outbox, AMarkTakesOverWhatAnOlderOneSaid) {
  Outbox outbox;
  outbox.open(1, VolumeId{7});
  outbox.confirm(1);
  (void)outbox.take();
  auto strict = std::make_shared<FeedItem>(*mark(4));
  strict->strict = true;
  outbox.offer(1, strict);
  outbox.offer(1, mark(5));
  v1::WatchResponse message;
  write(*outbox.take(), &message);
  EXPECT_EQ(message.progress().upto(), 5U);
  EXPECT_TRUE(message.progress().strict());
  EXPECT_FALSE(outbox.take());
  outbox.offer(1, mark(6));
  write(*outbox.take(), &message);
  EXPECT_FALSE(message.progress().has_strict());
}

// [S33] Whoever reads the messages can tell where an item is whole.
TEST(Outbox, AnItemThatGoesOnSaysSo) {
  Outbox outbox;
  outbox.open(1, VolumeId{7});
  outbox.confirm(1);
  (void)outbox.take();
  outbox.offer(1, changes(1, 2));
  outbox.offer(1, changes(3, 2 * kWatchMessageChanges + 3));
  outbox.offer(1, changes(2 * kWatchMessageChanges + 4, 2 * kWatchMessageChanges + 4));
  std::vector<bool> more;
  while (auto parcel = outbox.take()) {
    v1::WatchResponse message;
    write(*parcel, &message);
    more.push_back(message.changes().more());
  }
  EXPECT_EQ(more, (std::vector<bool>{true, true, false}));
}

TEST(Outbox, AFullQueueEndsBehindWhatItHolds) {
  Outbox outbox;
  outbox.open(1, VolumeId{7});
  outbox.confirm(1);
  EXPECT_TRUE(outbox.offer(1, changes(1, kWatcherQueueChanges)));
  EXPECT_FALSE(outbox.offer(1, changes(kWatcherQueueChanges + 1, kWatcherQueueChanges + 1)));
  std::optional<FeedEnd> end;
  EXPECT_EQ(seqs(outbox, end).size(), kWatcherQueueChanges);
  EXPECT_EQ(end, FeedEnd::too_slow);
  EXPECT_FALSE(outbox.holds(1));
}

TEST(Outbox, OnlyTheNewestMarkWaits) {
  Outbox outbox;
  outbox.open(1, VolumeId{7});
  outbox.confirm(1);
  (void)outbox.take();
  for (std::uint64_t upto = 1; upto < 1'000; ++upto) outbox.offer(1, mark(upto));
  EXPECT_EQ(outbox.take()->mark, Seq{999});
  EXPECT_FALSE(outbox.take());
}

TEST(Outbox, SubscriptionsTakeTurns) {
  Outbox outbox;
  for (const std::uint64_t subscription : {1U, 2U}) {
    outbox.open(subscription, VolumeId{subscription});
    outbox.confirm(subscription);
    (void)outbox.take();
  }
  outbox.offer(1, changes(1, 2'000));
  outbox.offer(2, changes(1, 1));
  EXPECT_EQ(outbox.take()->subscription, 1U);
  EXPECT_EQ(outbox.take()->subscription, 2U);
}

TEST(Outbox, AnEndIsTheLastWord) {
  Outbox outbox;
  outbox.open(1, VolumeId{7});
  outbox.confirm(1);
  outbox.offer(1, changes(1, 5));
  outbox.end_all(FeedEnd::server_stopping);
  outbox.offer(1, changes(6, 7));
  std::optional<FeedEnd> end;
  EXPECT_TRUE(seqs(outbox, end).empty());
  EXPECT_EQ(end, FeedEnd::server_stopping);
  EXPECT_FALSE(outbox.take());
}

}  // namespace
}  // namespace outboard::server
