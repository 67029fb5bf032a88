#include "harness/exec_agent/call_log.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/temp_directory.h"

namespace outboard::harness {
namespace {

class CallLogTest : public ::testing::Test {
 protected:
  std::shared_ptr<CallLog> make(std::uint64_t kept) {
    auto log = CallLog::create(directory_.path(), CallIntent{op_, Epoch{3}, kept, Timestamp{7}});
    EXPECT_TRUE(log);
    return *log;
  }
  std::shared_ptr<CallLog> reload() {
    auto log = CallLog::load(directory_.path(), op_, Timestamp{99});
    EXPECT_TRUE(log);
    return *log;
  }
  // From `offset` to the end, as an attacher would read it.
  static std::string read_all(const CallLog& log, std::uint64_t offset, std::size_t part = 3) {
    std::string all;
    while (true) {
      const CallOutput output = log.read(offset, part);
      if (output.bytes.empty()) return all;
      all += output.bytes;
      offset = output.offset + output.bytes.size();
    }
  }

  const tests::TempDirectory directory_;
  const OpId op_{random_uuid()};
};

class CountingWatcher final : public CallWatcher {
 public:
  void poke() override { ++pokes; }
  int pokes = 0;
};

TEST_F(CallLogTest, IntentCanBeMadeOnlyOnce) {
  make(100);
  const auto second =
      CallLog::create(directory_.path(), CallIntent{op_, Epoch{9}, 100, Timestamp{8}});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::exists);
}

TEST_F(CallLogTest, OutputIsReadFromAnyOffset) {
  const auto log = make(100);
  log->append("hello ");
  log->append("world");
  EXPECT_EQ(read_all(*log, 0), "hello world");
  EXPECT_EQ(read_all(*log, 8), "rld");
  EXPECT_EQ(read_all(*log, 11), "");
  EXPECT_EQ(read_all(*log, 500), "");
}

TEST_F(CallLogTest, MiddleIsDroppedAndCounted) {
  const auto log = make(10);
  for (const char* part : {"abc", "defg", "hijklm", "n", "opqrstuvwxyz"}) log->append(part);
  EXPECT_EQ(read_all(*log, 0), "abcdevwxyz");
  EXPECT_EQ(log->read(7, 100).offset, 21u);
  EXPECT_EQ(log->state().output_bytes, 26u);
  EXPECT_EQ(log->state().dropped_bytes, 16u);
}

TEST_F(CallLogTest, EndAndOutputOutliveTheAgent) {
  make(10)->append("abcdefghijklm");
  // Without an end: lost, and once said it stays so.
  EXPECT_TRUE(reload()->state().end->lost);
  const auto lost = CallLog::load(directory_.path(), op_, Timestamp{100});
  EXPECT_EQ((*lost)->state().end->ended, Timestamp{99});
  EXPECT_EQ(read_all(**lost, 0), "abcdeijklm");
  EXPECT_EQ((*lost)->state().dropped_bytes, 3u);
}

TEST_F(CallLogTest, FinishedCallIsReadBackAsItEnded) {
  const auto log = make(100);
  log->append("done\n");
  log->finish(CallEnd{.exit_code = 4, .timed_out = true, .ended = Timestamp{50}});
  EXPECT_EQ(read_all(*log, 0), "done\n");
  const auto again = reload();
  ASSERT_TRUE(again->state().end);
  EXPECT_EQ(again->state().end->exit_code, 4);
  EXPECT_TRUE(again->state().end->timed_out);
  EXPECT_FALSE(again->state().end->lost);
  EXPECT_EQ(again->state().started, Timestamp{7});
  EXPECT_EQ(read_all(*again, 0), "done\n");
}

TEST_F(CallLogTest, IntentCutShortIsKnownAndLost) {
  make(100);
  std::filesystem::resize_file(directory_.path() + "/" + to_string(op_) + ".call", 0);
  EXPECT_EQ(CallLog::list(directory_.path()), std::vector<OpId>{op_});
  EXPECT_TRUE(reload()->state().end->lost);
}

TEST_F(CallLogTest, DroppedOutputIsGoneButTheEndStays) {
  const auto log = make(100);
  log->append("bytes");
  log->finish(CallEnd{.exit_code = 1, .ended = Timestamp{5}});
  log->drop_output();
  for (const auto& seen : {log, reload()}) {
    EXPECT_EQ(read_all(*seen, 0), "");
    EXPECT_EQ(seen->state().dropped_bytes, 5u);
    EXPECT_EQ(seen->state().end->exit_code, 1);
  }
}

TEST_F(CallLogTest, WatchersHearOfOutputAndEndUntilTheyAreGone) {
  const auto log = make(100);
  auto watcher = std::make_shared<CountingWatcher>();
  log->watch(watcher);
  log->append("a");
  log->finish(CallEnd{});
  EXPECT_EQ(watcher->pokes, 2);
}

}  // namespace
}  // namespace outboard::harness
