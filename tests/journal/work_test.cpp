// Several workers, several servers, at once.
#include <algorithm>
#include <latch>
#include <set>
#include <thread>

#include "server/journal_limits.h"
#include "tests/journal/journal_server.h"
#include "tests/journal/journal_suite.h"

namespace outboard::tests {
namespace {

using namespace server;

class Working : public ::testing::Test {
 protected:
  Working() : ada_(server_.as("ada", true)), journal_(server_.database().journal()) {}

  SessionId create(const Call& call, Budget budget = {}) {
    const SessionId id{random_uuid()};
    EXPECT_TRUE(journal_.create(call, {id, "1", {}, budget}));
    return id;
  }
  static SessionEvent event() { return {0, "note", 1, "{}", "harness", 1, 0, {}}; }

  JournalServer server_;
  const Call ada_;
  Journal& journal_;
};

TEST_F(Working, NoSessionIsClaimedTwice) {
  constexpr std::size_t kSessions = 120;
  constexpr int kWorkers = 6;
  for (std::size_t i = 0; i < kSessions; ++i) create(ada_);
  const auto second = server_.open();  // another server on the same database
  Guarded<std::vector<SessionId>> all;
  std::latch ready(kWorkers);
  std::vector<std::thread> workers;
  for (int w = 0; w < kWorkers; ++w) {
    workers.emplace_back([&, w] {
      Journal& at = w % 2 == 0 ? journal_ : second->journal();
      std::vector<SessionId> held;
      ready.arrive_and_wait();
      for (;;) {
        const auto claimed = at.claim(ada_, "w" + std::to_string(w), 3, held);
        ASSERT_TRUE(claimed) << claimed.error().message;
        for (const Session& session : *claimed) held.push_back(session.id);
        if (claimed->empty()) break;
      }
      all.with([&](auto& ids) { ids.insert(ids.end(), held.begin(), held.end()); });
    });
  }
  for (std::thread& worker : workers) worker.join();
  // Whoever met only locked ones stopped early; what is left is still there for the next.
  const auto left = journal_.claim(ada_, "last", kClaimMax, {});
  all.with([&](auto& ids) {
    for (const Session& session : *left) ids.push_back(session.id);
    EXPECT_EQ(ids.size(), kSessions);
    EXPECT_EQ(std::set<SessionId>(ids.begin(), ids.end()).size(), kSessions);
  });
}

TEST_F(Working, SeqsHaveNoGapsWhoeverAppendsAtOnce) {
  const SessionId id = create(ada_);
  const Epoch epoch = journal_.claim(ada_, "w", 1, {})->front().epoch;
  std::vector<std::thread> writers;
  for (int w = 0; w < 4; ++w) {
    writers.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        const auto appended = journal_.append(ada_, {id, epoch, {event(), event()}, {}, {}, {}});
        ASSERT_TRUE(appended) << appended.error().message;
        EXPECT_EQ(appended->last_seq, appended->first_seq + 1);
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  std::uint64_t seq = 0;
  for (;;) {
    const auto page = journal_.events(ada_, id, seq);
    ASSERT_TRUE(page) << page.error().message;
    EXPECT_EQ(page->head_seq, 400U);
    for (const SessionEvent& one : page->events) EXPECT_EQ(one.seq, ++seq);
    if (page->events.empty()) break;
  }
  EXPECT_EQ(seq, 400U);
}

TEST_F(Working, TheFirstTerminalStateOfACallWins) {
  const SessionId id = create(ada_);
  const Epoch epoch = journal_.claim(ada_, "w", 1, {})->front().epoch;
  ToolCall call{
      OpId{random_uuid()}, 1, 0, "bash", EffectClass::command, ToolCallState::dispatched, epoch,
      Generation{1},       0, {}};
  const auto put = [&](ToolCallState state) {
    call.state = state;
    EXPECT_TRUE(journal_.append(ada_, {id, epoch, {}, {call}, {}, {}}));
    return journal_.open_calls(ada_, id)->size();
  };
  EXPECT_EQ(put(ToolCallState::dispatched), 1U);
  EXPECT_EQ(put(ToolCallState::lost), 0U);
  EXPECT_EQ(put(ToolCallState::dispatched), 0U);
}

TEST_F(Working, AnAppendThatUsesUpTheBudgetIsTheLast) {
  Budget budget;
  budget.tokens = 100;
  const SessionId id = create(ada_, budget);
  const Epoch epoch = journal_.claim(ada_, "w", 1, {})->front().epoch;
  EXPECT_TRUE(journal_.append(ada_, {id, epoch, {event()}, {}, budget, {}}));
  EXPECT_EQ(journal_.append(ada_, {id, epoch, {event()}, {}, {}, {}}).error().code, Code::no_space);
  EXPECT_TRUE(journal_.release(ada_, {id, epoch, SessionState::failed, 0, "budget"}));
  EXPECT_EQ(journal_.describe(ada_, id)->diagnosis, "budget");
}

TEST_F(Working, OrganisationsTakeTurns) {
  for (int i = 0; i < 20; ++i) create(ada_);
  const SessionId late = create(server_.as("bob", true, "globex"));
  const auto claimed = journal_.claim(JournalServer::call(), "w", 2, {});
  ASSERT_EQ(claimed->size(), 2U);
  EXPECT_TRUE(claimed->at(0).id == late || claimed->at(1).id == late);
}

// A worker's process vanishes: its stream breaks, nobody comes back.
TEST_F(Working, AVanishedWorkersSessionIsTakenOverInUnderASecond) {
  const SessionId id = create(ada_);
  const std::string secret = server_.mint("ada", true).secret;
  auto first = server_.connect(secret);
  const auto second = server_.connect(secret);
  const auto ear = std::make_shared<Ear>();
  auto stream = first->work("w", ear, JournalServer::soon());
  (*stream)->offer(1, false);
  ASSERT_TRUE(ear->heard_runnable());
  ASSERT_EQ(first->claim("w", {}, 1, JournalServer::soon())->size(), 1U);
  const auto other = std::make_shared<Ear>();
  auto waiting = second->work("v", other, JournalServer::soon());
  (*waiting)->offer(1, false);
  ASSERT_TRUE(other->heard_runnable());
  other->forget_runnable();
  const Moment broken = Moment::clock::now();
  *stream = nullptr;
  ASSERT_TRUE(other->heard_runnable());
  EXPECT_EQ(second->claim("v", {}, 1, JournalServer::soon())->front().id, id);
  const auto took =
      std::chrono::duration_cast<std::chrono::milliseconds>(Moment::clock::now() - broken);
  RecordProperty("takeover_ms", static_cast<int>(took.count()));
  EXPECT_LT(took, std::chrono::seconds(1));
  EXPECT_EQ(journal_.describe(ada_, id)->crash_count, 1U);
}

TEST_F(Working, AServersRestartTakesNoSessionAway) {
  const SessionId id = create(ada_);
  const auto worker = server_.connect(server_.mint("ada", true).secret);
  const auto ear = std::make_shared<Ear>();
  auto stream = worker->work("w", ear, JournalServer::soon());
  (*stream)->offer(1, false);
  ASSERT_TRUE(ear->heard_runnable());
  const auto claimed = worker->claim("w", {}, 1, JournalServer::soon());
  ASSERT_EQ(claimed->size(), 1U);
  ear->forget_runnable();
  server_.stop();
  server_.start();
  ASSERT_TRUE(ear->heard_runnable());  // the stream is back
  EXPECT_EQ(journal_.claim(ada_, "v", 1, {})->size(), 0U);
  EXPECT_TRUE(journal_.append(ada_, {id, claimed->front().epoch, {event()}, {}, {}, {}}));
}

TEST_F(Working, AnotherServersAppendReachesATail) {
  const SessionId id = create(ada_);
  const auto second = server_.open();
  const Epoch epoch = second->journal().claim(ada_, "w", 1, {})->front().epoch;
  const auto reader = server_.connect(server_.mint("ada", false).secret);
  auto tail = reader->tail(id, 0, JournalServer::soon());
  ASSERT_TRUE(tail);
  ASSERT_TRUE((*tail)->next(JournalServer::soon()));  // its first mark: it listens
  SessionEvent one = event();
  one.kind = "user_message";
  ASSERT_TRUE(second->journal().append(ada_, {id, epoch, {one}, {}, {}, {}}));
  std::uint64_t head = 0;
  while (head == 0) {
    const auto tailed = (*tail)->next(JournalServer::soon());
    if (!tailed) {  // the event's words are not for this reader to know
      EXPECT_NE(tailed.error().code, Code::timed_out);
      break;
    }
    head = tailed->head;
  }
}

}  // namespace
}  // namespace outboard::tests
