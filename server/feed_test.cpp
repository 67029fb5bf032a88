#include "server/feed.h"

#include <gtest/gtest.h>

#include <future>

namespace outboard::server {
namespace {

constexpr VolumeId kVolume{1};

Change change(std::uint64_t seq) {
  Change made;
  made.seq = Seq{seq};
  return made;
}

std::vector<Change> changes(std::uint64_t first, std::uint64_t last) {
  std::vector<Change> made;
  for (std::uint64_t seq = first; seq <= last; ++seq) made.push_back(change(seq));
  return made;
}

// A log in memory: seqs (pruned, head].
class FakeLog final : public FeedLog {
 public:
  Result<std::map<VolumeId, LogHead>> heads(const std::vector<VolumeId>&) override {
    return log_.with([](const LogHead& log) {
      return Result<std::map<VolumeId, LogHead>>(std::map<VolumeId, LogHead>{{kVolume, log}});
    });
  }
  Result<std::vector<Change>> changes(VolumeId, Seq after, std::size_t limit) override {
    const LogHead log = log_.with([](const LogHead& now) { return now; });
    const std::uint64_t first = std::max(after, log.pruned).value + 1;
    return server::changes(first, std::min<std::uint64_t>(log.head.value, first + limit - 1));
  }
  void set(std::uint64_t pruned, std::uint64_t head, bool strict = false) {
    log_.with([&](LogHead& log) { log = LogHead{Seq{head}, Seq{pruned}, strict}; });
  }

 private:
  Guarded<LogHead> log_;
};

class FeedTest : public ::testing::Test {
 protected:
  std::vector<std::uint64_t> seqs(FeedQueue& queue, std::size_t count) {
    std::vector<std::uint64_t> found;
    while (found.size() < count) {
      const auto item = queue.next(std::chrono::steady_clock::now() + 60s);
      if (!item || item->end) break;
      for (const Change& made : item->changes) found.push_back(made.seq.value);
    }
    return found;
  }
  FakeLog log_;
  Feed feed_{log_, 3'600s};
};

TEST_F(FeedTest, StartsInTheLogAndGoesOnWithWhatIsPublished) {
  log_.set(0, 2'500);
  auto queue = std::make_shared<FeedQueue>();
  auto subscription = feed_.subscribe(kVolume, Seq{10}, queue);
  ASSERT_TRUE(subscription);
  log_.set(0, 2'503);
  feed_.published(kVolume, changes(2'501, 2'503));
  const auto found = seqs(*queue, 2'493);
  ASSERT_EQ(found.size(), 2'493U);
  for (std::size_t i = 0; i < found.size(); ++i) ASSERT_EQ(found[i], 11 + i);
}

TEST_F(FeedTest, AGapIsFilledFromTheLog) {
  log_.set(0, 1);
  auto queue = std::make_shared<FeedQueue>();
  auto subscription = feed_.subscribe(kVolume, Seq{1}, queue);
  log_.set(0, 5);
  feed_.published(kVolume, changes(4, 5));  // 2 and 3 were another server's
  EXPECT_EQ(seqs(*queue, 4), (std::vector<std::uint64_t>{2, 3, 4, 5}));
}

TEST_F(FeedTest, AHintIsFollowedInTheLog) {
  auto queue = std::make_shared<FeedQueue>();
  auto subscription = feed_.subscribe(kVolume, Seq{}, queue);
  log_.set(0, 3);
  feed_.heard(kVolume, Seq{3});
  EXPECT_EQ(seqs(*queue, 3), (std::vector<std::uint64_t>{1, 2, 3}));
}

TEST_F(FeedTest, DoubtReadsTheHeadsAndMarks) {
  auto queue = std::make_shared<FeedQueue>();
  auto subscription = feed_.subscribe(kVolume, Seq{}, queue);
  log_.set(0, 2);
  feed_.doubt();  // no hint had come
  EXPECT_EQ(seqs(*queue, 2), (std::vector<std::uint64_t>{1, 2}));
  const auto mark = queue->next(std::chrono::steady_clock::now() + 60s);
  ASSERT_TRUE(mark);
  EXPECT_TRUE(mark->changes.empty());
  EXPECT_EQ(mark->upto, Seq{2});
}

// [S7] At once, and also where the volume is never quiet.
TEST_F(FeedTest, ThatAVolumeIsStrictByNowIsSaidAtOnce) {
  auto queue = std::make_shared<FeedQueue>(100, true);
  auto subscription = feed_.subscribe(kVolume, Seq{}, queue);
  const auto next = [&] { return queue->next(std::chrono::steady_clock::now() + 60s); };
  EXPECT_EQ(next()->strict, false) << "the first word";
  log_.set(0, 2, true);
  feed_.published(kVolume, changes(1, 3));  // the head was read before the third
  EXPECT_EQ(seqs(*queue, 3), (std::vector<std::uint64_t>{1, 2, 3}));
  feed_.changed(kVolume);
  const auto mark = next();
  EXPECT_EQ(mark->strict, true);
  EXPECT_EQ(mark->upto, Seq{3});
  EXPECT_TRUE(mark->changes.empty());
}

TEST_F(FeedTest, HistoryThatIsGoneIsSaid) {
  log_.set(5, 9);
  for (const std::uint64_t after : {4U, 10U}) {
    auto refused = feed_.subscribe(kVolume, Seq{after}, std::make_shared<FeedQueue>());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::history_gone);
  }
  EXPECT_TRUE(feed_.subscribe(kVolume, Seq{5}, std::make_shared<FeedQueue>()));
}

class FullSink final : public FeedSink {
 public:
  explicit FullSink(std::promise<FeedEnd>& ended) : ended_(ended) {}
  bool offer(const std::shared_ptr<const FeedItem>& item) override {
    if (item->end) ended_.set_value(*item->end);
    return false;
  }

 private:
  std::promise<FeedEnd>& ended_;
};

TEST_F(FeedTest, ASlowSubscriberIsCutAndToldSo) {
  std::promise<FeedEnd> ended;
  auto subscription = feed_.subscribe(kVolume, Seq{}, std::make_shared<FullSink>(ended));
  log_.set(0, 1);
  feed_.published(kVolume, changes(1, 1));
  EXPECT_EQ(ended.get_future().get(), FeedEnd::too_slow);
}

TEST_F(FeedTest, WaitEndsWhenTheSeqIsKnown) {
  auto waiting = std::async(std::launch::async, [this] {
    return feed_.wait(kVolume, Seq{3}, std::chrono::steady_clock::now() + 60s);
  });
  feed_.heard(kVolume, Seq{2});
  feed_.published(kVolume, changes(3, 3));
  EXPECT_TRUE(waiting.get());
  EXPECT_FALSE(feed_.wait(kVolume, Seq{4}, std::chrono::steady_clock::now()));
}

TEST(Feed, ItsEndIsSaid) {
  FakeLog log;
  auto queue = std::make_shared<FeedQueue>();
  std::unique_ptr<Subscription> subscription;
  {
    Feed feed(log, 3'600s);
    subscription = *feed.subscribe(kVolume, Seq{}, queue);
  }
  const auto item = queue->next(std::chrono::steady_clock::now() + 60s);
  ASSERT_TRUE(item && item->end);
  EXPECT_EQ(*item->end, FeedEnd::server_stopping);
}

// ── Whole items: the readers of reviewed volumes [S33] ───────────────────────────────────────────

class WholeFeedTest : public FeedTest {
 protected:
  std::shared_ptr<const FeedItem> next(FeedQueue& queue) {
    for (;;) {
      auto item = queue.next(std::chrono::steady_clock::now() + 60s);
      if (!item || item->end || !item->changes.empty()) return item;
    }
  }
  Feed whole_{log_, 3'600s, FeedUnit::whole};
};

TEST_F(WholeFeedTest, APublishComesAsOneItem) {
  log_.set(0, 10);
  auto queue = std::make_shared<FeedQueue>();
  auto subscription = whole_.subscribe(kVolume, Seq{10}, queue);
  ASSERT_TRUE(subscription);
  log_.set(0, 5'010);
  whole_.heard(kVolume, Seq{5'010});
  const auto item = next(*queue);
  ASSERT_TRUE(item);
  EXPECT_EQ(item->changes.size(), 5'000U);
  EXPECT_EQ(item->upto, Seq{5'010});
}

TEST_F(WholeFeedTest, WhoComesLateGetsTheRestAsOneItem) {
  log_.set(0, 4'000);
  auto queue = std::make_shared<FeedQueue>();
  auto subscription = whole_.subscribe(kVolume, Seq{7}, queue);
  ASSERT_TRUE(subscription);
  const auto item = next(*queue);
  ASSERT_TRUE(item);
  EXPECT_EQ(item->changes.size(), 3'993U);
}

TEST_F(WholeFeedTest, TooManyForOneMeansANewTree) {
  log_.set(0, 10);
  auto queue = std::make_shared<FeedQueue>();
  auto subscription = whole_.subscribe(kVolume, Seq{10}, queue);
  ASSERT_TRUE(subscription);
  log_.set(0, 11 + kPublishChangesMax);
  whole_.heard(kVolume, Seq{11 + kPublishChangesMax});
  const auto item = next(*queue);
  ASSERT_TRUE(item);
  EXPECT_EQ(item->end, FeedEnd::history_gone);
}

}  // namespace
}  // namespace outboard::server
