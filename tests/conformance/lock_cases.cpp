// Locks of files, as fcntl(2) and flock(2) know them, across owners of one client. [S36]
#include <future>

#include "core/await_lock.h"
#include "core/clock.h"
#include "core/limits.h"
#include "tests/conformance/store_suite.h"

namespace outboard::tests {
namespace {

// The client is the call's own where a wire is between; elsewhere it is this one.
const ClientId kClient{random_uuid()};

LockQuery ask(const Node& file, std::uint64_t owner, std::optional<LockKind> kind,
              std::uint64_t start = 0, std::uint64_t length = 0) {
  LockQuery query;
  query.inode = file.inode;
  query.client = kClient;
  query.owner = owner;
  query.kind = kind;
  query.start = start;
  query.length = length;
  return query;
}

constexpr auto kShared = LockKind::shared;
constexpr auto kExclusive = LockKind::exclusive;
constexpr auto kUnlock = std::nullopt;

// "granted", or the refusal's name.
std::string said(Store& store, const Call& call, VolumeId volume, const LockQuery& query) {
  auto answer = await_lock(store, call, volume, query);
  if (answer) return "granted";
  EXPECT_FALSE(answer.error().message.empty());
  return std::string(name_of(answer.error().code));
}

LockQuery waiting(LockQuery query) {
  query.wait = true;
  return query;
}

}  // namespace

TEST_P(StoreSuite, S36_SharedLocksGoTogetherAndExclusiveOnesAlone) {
  const Node file = put("/f", "bytes");
  EXPECT_EQ(said(store(), call(), volume_, ask(file, 1, kShared)), "granted");
  EXPECT_EQ(said(store(), call(), volume_, ask(file, 2, kShared)), "granted");
  EXPECT_EQ(said(store(), call(), volume_, ask(file, 2, kExclusive)), "conflict");
  EXPECT_EQ(said(store(), call(), volume_, ask(file, 1, kUnlock)), "granted");
  EXPECT_EQ(said(store(), call(), volume_, ask(file, 2, kExclusive)), "granted");
  EXPECT_EQ(said(store(), call(), volume_, ask(file, 1, kShared)), "conflict");
  EXPECT_EQ(said(store(), call(), volume_, ask(file, 2, kShared)), "granted");
  EXPECT_EQ(said(store(), call(), volume_, ask(file, 1, kShared)), "granted");
}

TEST_P(StoreSuite, S36_RangesAreSplitJoinedAndTested) {
  const Node file = put("/f", "bytes");
  EXPECT_EQ(said(store(), call(), volume_, ask(file, 1, kExclusive, 0, 100)), "granted");
  EXPECT_EQ(said(store(), call(), volume_, ask(file, 2, kExclusive, 100, 0)), "granted");
  EXPECT_EQ(said(store(), call(), volume_, ask(file, 1, kUnlock, 40, 20)), "granted");
  EXPECT_EQ(said(store(), call(), volume_, ask(file, 2, kShared, 40, 20)), "granted");
  LockQuery test = ask(file, 2, kExclusive, 50, 20);
  test.test = true;
  auto found = await_lock(store(), call(), volume_, test);
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_TRUE(found->holder);
  EXPECT_EQ(found->holder->owner, 1U);
  EXPECT_EQ(found->holder->start, 60U);
  EXPECT_EQ(found->holder->length, 40U);
  EXPECT_EQ(found->holder->kind, kExclusive);
  test.start = 200;
  found = await_lock(store(), call(), volume_, test);
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->holder);
  test.owner = 3;
  test.length = 0;
  found = await_lock(store(), call(), volume_, test);
  ASSERT_TRUE(found && found->holder);
  EXPECT_EQ(found->holder->start, 100U);
  EXPECT_EQ(found->holder->length, 0U);
}

TEST_P(StoreSuite, S36_WholeFilesAndRangesKnowNothingOfEachOther) {
  const Node file = put("/f", "bytes");
  LockQuery whole = ask(file, 1, kExclusive);
  whole.whole_file = true;
  EXPECT_EQ(said(store(), call(), volume_, whole), "granted");
  EXPECT_EQ(said(store(), call(), volume_, ask(file, 2, kExclusive)), "granted");
  whole.owner = 2;
  EXPECT_EQ(said(store(), call(), volume_, whole), "conflict");
  whole.start = 5;
  EXPECT_EQ(said(store(), call(), volume_, whole), "invalid");
}

TEST_P(StoreSuite, S36_AHolderHasSeenWhatTheFormerOnePublished) {
  const Node file = put("/f", "bytes");
  ASSERT_EQ(said(store(), call(), volume_, ask(file, 1, kExclusive)), "granted");
  auto second = std::async(std::launch::async, [&] {
    return await_lock(store(), call(), volume_, waiting(ask(file, 2, kExclusive)));
  });
  put("/f", "published under the lock");
  const Seq published = head();
  ASSERT_EQ(said(store(), call(), volume_, ask(file, 1, kUnlock)), "granted");
  const auto answer = second.get();
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_GE(answer->seq, published);
}

// Readers that come after a waiting writer wait behind it, or it would starve.
TEST_P(StoreSuite, S36_AWaitingWriterIsNotOvertaken) {
  const Node file = put("/f", "bytes");
  ASSERT_EQ(said(store(), call(), volume_, ask(file, 1, kShared)), "granted");
  auto writer = std::async(std::launch::async, [&] {
    return said(store(), call(), volume_, waiting(ask(file, 2, kExclusive)));
  });
  // The writer stands in the queue as soon as a reader is refused because of it.
  while (said(store(), call(), volume_, ask(file, 3, kShared)) == "granted") {
    ASSERT_EQ(said(store(), call(), volume_, ask(file, 3, kUnlock)), "granted");
  }
  auto reader = std::async(std::launch::async, [&] {
    return said(store(), call(), volume_, waiting(ask(file, 3, kShared)));
  });
  ASSERT_EQ(said(store(), call(), volume_, ask(file, 1, kUnlock)), "granted");
  EXPECT_EQ(writer.get(), "granted");
  ASSERT_EQ(said(store(), call(), volume_, ask(file, 2, kUnlock)), "granted");
  EXPECT_EQ(reader.get(), "granted");
}

TEST_P(StoreSuite, S36_ACircleOfWaitingOwnersIsRefused) {
  const Node one = put("/one", "");
  const Node two = put("/two", "");
  ASSERT_EQ(said(store(), call(), volume_, ask(one, 1, kExclusive)), "granted");
  ASSERT_EQ(said(store(), call(), volume_, ask(two, 2, kExclusive)), "granted");
  auto first = std::async(std::launch::async, [&] {
    return said(store(), call(), volume_, waiting(ask(two, 1, kExclusive)));
  });
  auto second = std::async(std::launch::async, [&] {
    const std::string answer = said(store(), call(), volume_, waiting(ask(one, 2, kExclusive)));
    // Whoever was refused gives up what it holds.
    if (answer == "conflict") said(store(), call(), volume_, ask(two, 2, kUnlock));
    return answer;
  });
  const std::string answers = [&] {
    std::string all;
    if (first.wait_for(kCallWait / 2) == std::future_status::ready) all += first.get();
    if (all == "conflict") said(store(), call(), volume_, ask(one, 1, kUnlock));
    return all + " " + second.get();
  }();
  EXPECT_NE(answers.find("conflict"), std::string::npos) << answers;
}

TEST_P(StoreSuite, S36_AWaitEndsAtItsDeadlineAndByAnUnlock) {
  const Node file = put("/f", "bytes");
  ASSERT_EQ(said(store(), call(), volume_, ask(file, 1, kExclusive)), "granted");
  Call soon = call();
  soon.deadline = SystemClock().now() + std::chrono::milliseconds(50);
  EXPECT_EQ(said(store(), soon, volume_, waiting(ask(file, 2, kShared))), "timed_out");
  // Who has given up is in nobody's way.
  ASSERT_EQ(said(store(), call(), volume_, ask(file, 1, kShared)), "granted");
  EXPECT_EQ(said(store(), call(), volume_, ask(file, 3, kShared)), "granted");
  EXPECT_EQ(said(store(), call(), volume_, ask(file, 2, kUnlock)), "granted");
  EXPECT_EQ(said(store(), call(), volume_, ask(Node{}, 1, kShared)), "not_found");
}

}  // namespace outboard::tests
