// Content: writes, truncation, appends, chunks, big files, versions.
#include <algorithm>
#include <limits>
#include <thread>

#include "core/limits.h"
#include "tests/conformance/store_suite.h"

namespace outboard::tests {
namespace {

Write write_at(NodeRef node, std::uint64_t offset, std::string bytes) {
  Write write;
  write.node = std::move(node);
  write.extents.push_back(Extent{offset, std::move(bytes)});
  return write;
}

constexpr std::size_t kBigBytes = 10U << 20U;

TEST_P(StoreSuite, S1_AWriteMakesOneVersionOfAllItsExtents) {
  const Node file = put("/f", "0123456789");
  Write write = write_at(NodeRef{"/f"}, 2, "AB");
  write.extents.push_back(Extent{3, "CD"});
  write.extents.push_back(Extent{12, "E"});
  const Outcome done_once = done(write);
  EXPECT_EQ(done_once.node.version, Version{2});
  EXPECT_EQ(content("/f"), std::string("01ACD56789\0\0E", 13));
  EXPECT_EQ(done_once.node.digest, sha256(content("/f")));
  EXPECT_EQ(content(file.inode, Version{1}), "0123456789");
}

TEST_P(StoreSuite, S1_KeepDropsThenExtentsThenSize) {
  put("/f", "0123456789");
  Write write = write_at(NodeRef{"/f"}, 6, "X");
  write.keep = 4;
  write.size = 9;
  done(write);
  EXPECT_EQ(content("/f"), std::string("0123\0\0X\0\0", 9));
  Write cut = write_at(NodeRef{"/f"}, 1, "abcdef");
  cut.size = 3;
  done(cut);
  EXPECT_EQ(content("/f"), "0ab");
  Write scratch = write_at(NodeRef{"/f"}, 2, "new");
  scratch.keep = 0;
  done(scratch);
  EXPECT_EQ(content("/f"), std::string("\0\0new", 5));
}

TEST_P(StoreSuite, S10_TruncateShrinksGrowsAndKeeps) {
  put("/f", "0123456789");
  done(Truncate{NodeRef{"/f"}, 4});
  EXPECT_EQ(content("/f"), "0123");
  EXPECT_EQ(log().back().kind, ChangeKind::write);
  done(Truncate{NodeRef{"/f"}, 6});
  EXPECT_EQ(content("/f"), std::string("0123\0\0", 6));
  const Outcome same = done(Truncate{NodeRef{"/f"}, 6});
  EXPECT_EQ(same.node.version, Version{3});
  EXPECT_EQ(log().back().kind, ChangeKind::attributes);
  mkdir("/d");
  EXPECT_EQ(refused(Truncate{NodeRef{"/d"}, 0}), Code::is_directory);
  EXPECT_EQ(refused(Truncate{NodeRef{"/f"}, kFileBytesMax + 1}), Code::too_big);
}

// What a client says of it, where its clock can be right. The log's own times are the store's.
TEST_P(StoreSuite, S10_BytesShowWhenTheyWereWritten) {
  using std::chrono::nanoseconds;
  const Node file = put("/f", "x");
  const Timestamp start = log().back().at;
  const auto append = [&](nanoseconds since_start) {
    Batch batch;
    batch.written = {start.nanoseconds + since_start.count()};
    batch.steps.push_back({Append{file.inode, "y"}, {}});
    const auto applied = store().apply(call(), volume_, batch);
    EXPECT_TRUE(applied) << applied.error().message;
    const Attributes shown = applied->outcomes.front().node.attributes;
    EXPECT_EQ(node("/f")->attributes, shown);
    EXPECT_EQ(log().back().node.attributes, shown);
    const Timestamp at = log().back().at;
    EXPECT_GE(at, start);
    EXPECT_LT(at.nanoseconds - start.nanoseconds, nanoseconds(kCallWait).count());
    return std::pair(batch.written, shown);
  };
  const auto [earlier, behind] = append(-std::chrono::minutes(50));
  EXPECT_EQ(behind.modified, earlier);
  EXPECT_EQ(behind.changed, start) << "a change of status is never older than one before it";
  const auto [later, ahead] = append(std::chrono::seconds(9));
  EXPECT_EQ(ahead.modified, later);
  EXPECT_EQ(ahead.changed, later);
  const nanoseconds for_ever(std::numeric_limits<std::int64_t>::max() - start.nanoseconds);
  for (const nanoseconds wrong : {-2 * kWrittenBehindMax, 2 * kWrittenAheadMax, for_ever}) {
    append(wrong);
    const Change last = log().back();
    EXPECT_EQ(last.node.attributes.modified, last.at);
  }
}

TEST_P(StoreSuite, S10_AnEmptyWriteChangesNothing) {
  put("/f", "x");
  const Seq before = head();
  EXPECT_EQ(done(Append{NodeRef{"/f"}, ""}).seq, Seq{});
  Write nothing;
  nothing.node = NodeRef{"/f"};
  EXPECT_EQ(done(nothing).seq, Seq{});
  EXPECT_EQ(head(), before);
}

TEST_P(StoreSuite, S3_AnAppendIsTold) {
  const Node file = put("/f", "one");
  const Outcome added = done(Append{NodeRef{file.inode}, " two"});
  EXPECT_EQ(added.node.attributes.size, 7U);
  EXPECT_EQ(log().back().kind, ChangeKind::append);
  EXPECT_EQ(log().back().path, "/f");
  EXPECT_EQ(added.dentry, Dentry{});
  put("/f", "one two three");
  EXPECT_EQ(log().back().kind, ChangeKind::write);
}

TEST_P(StoreSuite, S3_ConcurrentAppendsAllSurviveWhole) {
  constexpr int kThreads = 8;
  constexpr int kEach = 50;
  const Node file = put("/log", "");
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        done(Append{NodeRef{file.inode},
                    "line " + std::to_string(t) + "." + std::to_string(i) + "\n"});
      }
    });
  }
  for (auto& thread : threads) thread.join();
  const std::string all = content("/log");
  for (int t = 0; t < kThreads; ++t) {
    std::size_t last = 0;
    for (int i = 0; i < kEach; ++i) {
      const std::string line = "line " + std::to_string(t) + "." + std::to_string(i) + "\n";
      const std::size_t found = all.find(line);
      ASSERT_NE(found, std::string::npos) << line;
      EXPECT_EQ(all.find(line, found + 1), std::string::npos) << line << " twice";
      EXPECT_GE(found, last);
      last = found;
    }
  }
  EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), kThreads * kEach);
}

TEST_P(StoreSuite, S16_ContentGrowsFromInlineToChunksAndBack) {
  const std::string half = pattern(kInlineBytesMax / 2 + 1, 1);
  put("/f", half);
  done(Append{NodeRef{"/f"}, half});
  EXPECT_EQ(content("/f"), half + half);
  const std::string one_more = pattern(kInlineBytesMax, 2);
  put("/g", one_more);
  done(Append{NodeRef{"/g"}, "!"});
  EXPECT_EQ(content("/g"), one_more + "!");
  done(Truncate{NodeRef{"/g"}, 10});
  EXPECT_EQ(content("/g"), one_more.substr(0, 10));
  done(Append{NodeRef{"/g"}, "?"});
  EXPECT_EQ(content("/g"), one_more.substr(0, 10) + "?");
  put("/g", "small");
  EXPECT_EQ(content("/g"), "small");
  EXPECT_EQ(node("/g")->digest, sha256("small"));
  const Node made = *node("/g");
  EXPECT_EQ(content(made.inode, Version{2}), one_more + "!");
}

TEST_P(StoreSuite, S16_AnyWriteOnChunksReadsBackAsOnAString) {
  std::string expected = pattern(5 * kChunkBytes + 123, 3);
  const Node file = put("/f", expected);
  const std::vector<std::pair<std::size_t, std::size_t>> writes{{0, 1},
                                                                {kChunkBytes - 1, 2},
                                                                {kChunkBytes, kChunkBytes},
                                                                {100, 3 * kChunkBytes},
                                                                {5 * kChunkBytes + 100, 500},
                                                                {8 * kChunkBytes, 10}};
  unsigned seed = 10;
  for (const auto& [offset, size] : writes) {
    const std::string bytes = pattern(size, ++seed);
    expected.resize(std::max(expected.size(), offset + size), '\0');
    expected.replace(offset, size, bytes);
    done(write_at(NodeRef{file.inode}, offset, bytes));
    ASSERT_TRUE(content("/f") == expected) << "after a write at " << offset;
  }
  for (const std::size_t size : {7 * kChunkBytes, 2 * kChunkBytes + 1, 3 * kChunkBytes}) {
    expected.resize(size, '\0');
    done(Truncate{NodeRef{file.inode}, size});
    ASSERT_TRUE(content("/f") == expected) << "after a truncate to " << size;
  }
  for (int i = 0; i < 40; ++i) {
    const std::string bytes = pattern(1000, ++seed);
    expected += bytes;
    done(Append{NodeRef{file.inode}, bytes});
  }
  EXPECT_TRUE(content("/f") == expected);
}

TEST_P(StoreSuite, S16_ASmallWriteToABigFile) {
  std::string expected = pattern(kBigBytes, 5);
  const Node file = put("/big", expected);
  EXPECT_EQ(file.digest, sha256(expected));
  done(write_at(NodeRef{file.inode}, 5'000'000, "HERE"));
  expected.replace(5'000'000, 4, "HERE");
  done(Append{NodeRef{file.inode}, "the end"});
  expected += "the end";
  EXPECT_TRUE(content("/big") == expected);
  EXPECT_EQ(node("/big")->attributes.size, expected.size());
  EXPECT_TRUE(content(file.inode, Version{1}) == pattern(kBigBytes, 5));
  auto part = store().read(call(), volume_, file.inode, Version{}, 4'999'998, 8);
  ASSERT_TRUE(part);
  EXPECT_EQ(part->value.bytes, expected.substr(4'999'998, 8));
  EXPECT_EQ(part->value.version, Version{3});
}

TEST_P(StoreSuite, S15_RangesAreOfOneVersionAndEndWithIt) {
  const Node file = put("/f", "0123456789");
  put("/f", "abc");
  auto old = store().read(call(), volume_, file.inode, Version{1}, 4, 100);
  ASSERT_TRUE(old);
  EXPECT_EQ(old->value.bytes, "456789");
  EXPECT_EQ(old->value.size, 10U);
  auto beyond = store().read(call(), volume_, file.inode, Version{1}, 10, 1);
  ASSERT_TRUE(beyond);
  EXPECT_EQ(beyond->value.bytes, "");
  EXPECT_EQ(content(file.inode, Version{9}), "[not_found]");
  mkdir("/d");
  EXPECT_EQ(content(node("/d")->inode, Version{}), "[is_directory]");
  auto much = store().read(call(), volume_, file.inode, Version{}, 0, kReadBytesMax + 1);
  ASSERT_FALSE(much);
  EXPECT_EQ(much.error().code, Code::invalid);
}

TEST_P(StoreSuite, S15_ManyBodiesInOneAsk) {
  const Node a = put("/a", "first");
  put("/a", "second");
  const Node b = put("/b", "");
  auto bodies = store().read_many(
      call(), volume_, {{a.inode, Version{1}}, {Inode{999'999}, {}}, {a.inode, {}}, {b.inode, {}}});
  ASSERT_TRUE(bodies);
  ASSERT_EQ(bodies->value.size(), 4U);
  EXPECT_EQ(bodies->value[0]->bytes, "first");
  ASSERT_FALSE(bodies->value[1]);
  EXPECT_EQ(bodies->value[1].error().code, Code::not_found);
  EXPECT_EQ(bodies->value[2]->bytes, "second");
  EXPECT_EQ(bodies->value[2]->version, Version{2});
  EXPECT_EQ(bodies->value[3]->bytes, "");
}

TEST_P(StoreSuite, S10_PublishKeepsTheInodeAndTheMode) {
  Publish publish;
  publish.at = at("/d/f");
  publish.bytes = "one";
  EXPECT_EQ(refused(publish), Code::not_found);
  publish.parents = true;
  publish.mode = 0755;
  const Outcome made = done(publish);
  EXPECT_TRUE(made.created);
  EXPECT_EQ(made.node.attributes.mode, 0755U);
  publish.mode.reset();
  publish.bytes = "two";
  const Outcome again = done(publish);
  EXPECT_FALSE(again.created);
  EXPECT_EQ(again.node.inode, made.node.inode);
  EXPECT_EQ(again.node.attributes.mode, 0755U);
  EXPECT_EQ(again.node.version, Version{2});
  publish.at = at("/d");
  EXPECT_EQ(refused(publish), Code::is_directory);
}

TEST_P(StoreSuite, S15_VersionsAreListedNewestFirst) {
  put("/f", "one");
  put("/f", "three");
  done(SetAttributes{NodeRef{"/f"}, 0600, {}, {}, {}, {}});
  auto kept = store().versions(call(), volume_, NodeRef{"/f"});
  ASSERT_TRUE(kept);
  ASSERT_EQ(kept->value.size(), 2U);
  EXPECT_EQ(kept->value[0].version, Version{2});
  EXPECT_EQ(kept->value[0].size, 5U);
  EXPECT_EQ(kept->value[0].digest, sha256("three"));
  EXPECT_EQ(kept->value[1].version, Version{1});
  EXPECT_LT(kept->value[1].seq, kept->value[0].seq);
  EXPECT_FALSE(kept->value[0].origin.principal.empty());
}

}  // namespace
}  // namespace outboard::tests
