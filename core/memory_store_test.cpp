// What only MemoryStore promises; the rest is tests/conformance.
#include "core/memory_store.h"

#include <gtest/gtest.h>

namespace outboard {
namespace {

class MemoryStoreTest : public ::testing::Test {
 protected:
  void create(const std::string& name) {
    Batch batch;
    batch.steps.push_back(Step{CreateFile{{NodeRef{"/"}, name}}, {}});
    EXPECT_TRUE(store_.apply(Call{}, volume_, batch));
  }

  ManualClock clock_;
  MemoryStore store_{clock_};
  VolumeId volume_ = store_.add_volume("acme/skills");
};

TEST_F(MemoryStoreTest, TimesAreTheClocks) {
  create("a");
  clock_.advance(std::chrono::seconds(5));
  create("b");
  const auto a = store_.attributes(Call{}, volume_, NodeRef{"/a"}, {});
  const auto b = store_.attributes(Call{}, volume_, NodeRef{"/b"}, {});
  EXPECT_EQ(b->value.attributes.modified.nanoseconds - a->value.attributes.modified.nanoseconds,
            5'000'000'000);
}

TEST_F(MemoryStoreTest, ASlowWatcherIsCutNotWaitedFor) {
  auto queue = std::make_shared<FeedQueue>(2);
  auto subscription = store_.subscribe(Call{}, volume_, Seq{}, queue);
  ASSERT_TRUE(subscription);
  for (const char* name : {"a", "b", "c", "d"}) create(name);
  std::vector<std::uint64_t> seqs;
  std::optional<FeedEnd> end;
  while (!end) {
    const auto item = queue->next(SystemClock().now());
    ASSERT_TRUE(item);
    for (const Change& change : item->changes) seqs.push_back(change.seq.value);
    end = item->end;
  }
  EXPECT_EQ(end, FeedEnd::too_slow);
  EXPECT_EQ(seqs, (std::vector<std::uint64_t>{1, 2}));
}

TEST_F(MemoryStoreTest, NothingComesAfterTheSubscription) {
  auto queue = std::make_shared<FeedQueue>();
  store_.subscribe(Call{}, volume_, Seq{}, queue).value().reset();
  create("a");
  EXPECT_TRUE(queue->next(SystemClock().now()));  // the mark of the start
  EXPECT_FALSE(queue->next(SystemClock().now()));
}

TEST_F(MemoryStoreTest, WhatIsNotBuiltIsRefused) {
  const auto pinned = store_.attributes(Call{}, volume_, NodeRef{"/"}, ReadAt{{}, "v1"});
  EXPECT_EQ(pinned.error().code, Code::unsupported);
}

}  // namespace
}  // namespace outboard
