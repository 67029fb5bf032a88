// Lock tables against a table of single bytes, which has no rules but one.
#include "core/lock_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace outboard {
namespace {

// The last stands for all that follow it.
constexpr std::uint64_t kBytes = 12;

LockOwner owner(std::uint64_t number) {
  return LockOwner{ClientId{}, number};
}

std::uint64_t end_of(const LockRange& range) {
  return range.to == kLockEnd ? kBytes : range.to;
}

// Which kind each owner has on each byte.
using Bytes = std::map<std::pair<std::uint64_t, std::uint64_t>, LockKind>;

Bytes bytes_of(const LockTable& table) {
  Bytes bytes;
  for (const HeldLock& held : table.held()) {
    for (std::uint64_t at = held.range.from; at < end_of(held.range); ++at) {
      const bool is_new = bytes.emplace(std::pair(held.owner.number, at), held.kind).second;
      EXPECT_TRUE(is_new) << "two locks of one owner on one byte";
    }
  }
  return bytes;
}

bool can_have(const Bytes& bytes, const HeldLock& wanted) {
  for (const auto& [key, kind] : bytes) {
    const bool inside = key.second >= wanted.range.from && key.second < wanted.range.to;
    const bool excludes = kind == LockKind::exclusive || wanted.kind == LockKind::exclusive;
    if (key.first != wanted.owner.number && inside && excludes) return false;
  }
  return true;
}

// [S36]
TEST(LockTable, DoesToRangesWhatIsDoneToTheirBytes) {
  std::mt19937_64 dice(36);
  const auto below = [&](std::uint64_t bound) { return dice() % bound; };
  for (int run = 0; run < 200; ++run) {
    LockTable table;
    Bytes bytes;
    for (int step = 0; step < 60; ++step) {
      const std::uint64_t from = below(kBytes - 1);
      const LockRange range{from, below(5) == 0 ? kLockEnd : from + 1 + below(kBytes - 1 - from)};
      const LockKind kind = below(2) == 0 ? LockKind::shared : LockKind::exclusive;
      const HeldLock wanted{owner(below(3)), range, kind};
      const bool unlock = below(3) == 0;
      if (!unlock) {
        ASSERT_EQ(table.obstacle(wanted) == nullptr, can_have(bytes, wanted));
        if (table.obstacle(wanted) != nullptr) continue;
      }
      table.set(wanted.owner, range, unlock ? std::nullopt : std::optional(kind));
      for (std::uint64_t at = from; at < end_of(range); ++at) {
        bytes.erase({wanted.owner.number, at});
        if (!unlock) bytes.emplace(std::pair(wanted.owner.number, at), kind);
      }
      ASSERT_EQ(bytes_of(table), bytes);
    }
  }
}

TEST(LockTable, JoinsWhatTouchesAndSplitsWhatIsFreed) {
  LockTable table;
  table.set(owner(1), {0, 4}, LockKind::shared);
  table.set(owner(1), {4, 8}, LockKind::shared);
  ASSERT_EQ(table.held().size(), 1U);
  EXPECT_EQ(table.held()[0].range, (LockRange{0, 8}));
  table.set(owner(1), {2, 3}, std::nullopt);
  EXPECT_EQ(table.count(owner(1)), 2U);
  table.set(owner(1), {0, kLockEnd}, LockKind::exclusive);
  ASSERT_EQ(table.held().size(), 1U);
  EXPECT_EQ(holder_of(table.held()[0]).length, 0U);
}

TEST(LockTable, RangesBeyondTheLargestOffsetAreRefused) {
  LockQuery query;
  EXPECT_EQ(range_of(query).error().code, Code::invalid);  // nobody's
  query.client = ClientId{random_uuid()};
  query.start = kLockEnd;
  EXPECT_EQ(range_of(query).error().code, Code::invalid);
  query.start = 1;
  query.length = kLockEnd;
  EXPECT_EQ(range_of(query).error().code, Code::invalid);
  query.length = kLockEnd - 1;
  EXPECT_TRUE(range_of(query));
  query.whole_file = true;
  EXPECT_EQ(range_of(query).error().code, Code::invalid);
}

}  // namespace
}  // namespace outboard
