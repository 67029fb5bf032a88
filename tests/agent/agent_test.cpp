// What applications see of a session: AgentService over a journal, a store and sandboxes in memory,
// asked by GrpcAgent.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <latch>

#include "client/grpc_agent.h"
#include "core/memory_store.h"
#include "harness/api/agent_server.h"
#include "harness/hosting/hosted_session.h"
#include "harness/journal/memory_journal.h"
#include "harness/tools/volume_files.h"
#include "tests/support/fake_sandbox.h"
#include "tests/support/rpc_parts.h"
#include "tests/support/temp_directory.h"

namespace outboard::harness {
namespace {

using client::AgentEvent;

constexpr const char* kScenario = R"(
name: everything
turns:
  - text: I begin.
    calls:
      - {tool: bash, input: {command: print hello}}
      - tool: str_replace_based_edit_tool
        input: {command: create, path: /memory/note.md, file_text: "one\n"}
  - expect:
      - {result: 0, contains: hello, error: false}
    text: That was it.
  - text: And again.
)";

// Lends what it does not own.
class Lent final : public Store {
 public:
  explicit Lent(Store& store) : store_(store) {}
  Result<Volume> open_volume(const Call& c, std::string_view n) override {
    return store_.open_volume(c, n);
  }
  Result<Volume> describe(const Call& c, VolumeId v) override { return store_.describe(c, v); }
  Result<Applied> apply(const Call& c, VolumeId v, const Batch& b) override {
    return store_.apply(c, v, b);
  }
  Result<At<Entry>> lookup(const Call& c, VolumeId v, const NameRef& n, const ReadAt& a) override {
    return store_.lookup(c, v, n, a);
  }
  Result<At<Node>> attributes(const Call& c, VolumeId v, const NodeRef& n,
                              const ReadAt& a) override {
    return store_.attributes(c, v, n, a);
  }
  Result<At<Page>> list(const Call& c, VolumeId v, const NodeRef& d, std::string_view after,
                        std::uint32_t limit, const ReadAt& a) override {
    return store_.list(c, v, d, after, limit, a);
  }
  Result<At<Content>> read(const Call& c, VolumeId v, Inode i, Version n, std::uint64_t o,
                           std::size_t s) override {
    return store_.read(c, v, i, n, o, s);
  }
  Result<At<std::vector<Result<Content>>>> read_many(const Call& c, VolumeId v,
                                                     const std::vector<ContentKey>& k) override {
    return store_.read_many(c, v, k);
  }
  Result<Seq> snapshot(const Call& c, VolumeId v, const SnapshotQuery& q,
                       const std::function<void(SnapshotPart)>& t) override {
    return store_.snapshot(c, v, q, t);
  }
  Result<At<Xattrs>> xattrs(const Call& c, VolumeId v, Inode i, const ReadAt& a) override {
    return store_.xattrs(c, v, i, a);
  }
  Result<At<std::vector<Change>>> history(const Call& c, VolumeId v,
                                          const HistoryQuery& q) override {
    return store_.history(c, v, q);
  }
  Result<At<std::vector<VersionInfo>>> versions(const Call& c, VolumeId v,
                                                const NodeRef& n) override {
    return store_.versions(c, v, n);
  }
  Result<SearchSummary> search(const Call& c, VolumeId v, const SearchQuery& q,
                               const TakeSearched& t) override {
    return store_.search(c, v, q, t);
  }
  Result<std::unique_ptr<Subscription>> subscribe(const Call& c, VolumeId v, Seq a,
                                                  std::shared_ptr<FeedSink> s) override {
    return store_.subscribe(c, v, a, std::move(s));
  }
  void lock(const Call& c, VolumeId v, const LockQuery& q, LockDone done) override {
    store_.lock(c, v, q, std::move(done));
  }

 private:
  Store& store_;
};

// Collects what it hears; ends when the session is idle, or `enough` says so.
class Heard final : public client::AgentSink {
 public:
  std::function<bool()> enough = [] { return false; };

  bool on_event(const AgentEvent& event) override {
    events.push_back(event);
    return !enough();
  }
  bool on_text(std::uint64_t, std::string_view delta) override {
    text += delta;
    return !enough();
  }
  bool on_output(OpId, std::uint64_t offset, std::string_view bytes) override {
    EXPECT_EQ(offset, output.size());
    output += bytes;
    return !enough();
  }
  bool on_dropped(std::uint64_t) override { return true; }
  bool on_idle() override {
    idle = true;
    return when_idle && when_idle();
  }
  bool on_away(const Error&) override {
    ++away;
    if (when_away) when_away();
    return true;
  }
  bool on_back() override {
    ++back;
    return true;
  }

  std::vector<std::string> kinds() const {
    std::vector<std::string> all;
    for (const AgentEvent& event : events) all.push_back(event.kind);
    return all;
  }
  std::string payload_of(const std::string& kind) const {
    for (const AgentEvent& event : events) {
      if (event.kind == kind) return event.payload;
    }
    return {};
  }

  std::vector<AgentEvent> events;
  std::string text;
  std::string output;
  std::function<bool()> when_idle;  // true: go on watching
  std::function<void()> when_away;
  bool idle = false;
  int away = 0;
  int back = 0;
};

// One harness process: worker, runners, service.
class Harness {
 public:
  Harness(Host host, LiveFeed& live, const std::string& address, Journal& journal, Blobs& blobs)
      : host_(std::move(host)),
        worker_({host_.worker, 2}, journal, host_.clock, host_sessions(host_)) {
    const auto open = [this, &journal, &blobs](const std::string& token) {
      tokens.with([&](std::vector<std::string>& all) { all.push_back(token); });
      return Records{std::shared_ptr<Journal>(std::shared_ptr<void>(), &journal),
                     std::shared_ptr<Blobs>(std::shared_ptr<void>(), &blobs)};
    };
    auto server = AgentServer::start(
        {address}, {open, live, host_.clock, host_.models.standard(),
                    [this](const std::string& model) { return host_.models.check(model); }});
    EXPECT_TRUE(server) << server.error().message;
    server_ = *std::move(server);
    thread_ = std::thread([this] { worker_.run(); });
  }
  ~Harness() {
    worker_.drain();
    server_->drain(std::chrono::steady_clock::now() + std::chrono::seconds(1));
    thread_.join();
  }
  Harness(const Harness&) = delete;
  Harness& operator=(const Harness&) = delete;

  Guarded<std::vector<std::string>> tokens;

 private:
  const Host host_;
  Worker worker_;
  std::unique_ptr<AgentServer> server_;
  std::thread thread_;
};

class AgentTest : public ::testing::Test {
 protected:
  AgentTest() {
    ::unsetenv("ANTHROPIC_API_KEY");
    store_.add_volume("acme/skills");
    store_.add_volume("acme/memory");
    std::ofstream(scenario()) << kScenario;
    auto models = ModelShelf::open({"scripted:" + scenario(), "", "", "", true});
    EXPECT_TRUE(models) << models.error().message;
    models_ = *std::move(models);
    start();
    client::ChannelConfig channel;
    channel.address = address();
    channel.token = [] { return std::string("ob_ada"); };
    agent_ = *client::GrpcAgent::open(channel);
  }

  std::string scenario() const { return directory_.path() + "/scenario.yaml"; }
  std::string address() const { return "unix:" + directory_.path() + "/harness"; }
  Moment soon() const { return clock_.now() + std::chrono::seconds(30); }

  void start() {
    Host host{journal_,
              blobs_,
              *models_,
              sandboxes_,
              rights_,
              live_,
              clock_,
              "worker-" + std::to_string(++harnesses_),
              "unix:/nowhere",
              mappings_,
              approve_,
              [this](const std::string&) -> Result<std::unique_ptr<Store>> {
                return std::unique_ptr<Store>(std::make_unique<Lent>(store_));
              },
              [this](SessionId session) { live_.forget(session); }};
    harness_ = std::make_unique<Harness>(std::move(host), live_, address(), journal_, blobs_);
  }
  void stop() { harness_.reset(); }

  Heard watch(std::uint64_t after = 0) {
    Heard heard;
    auto watched = agent_->watch(kId, after, heard, std::chrono::seconds(10));
    EXPECT_TRUE(watched) << watched.error().message;
    EXPECT_TRUE(heard.idle);
    return heard;
  }

  const SessionId kId{random_uuid()};
  const std::vector<Mapping> mappings_ = {{"/skills", "acme/skills", false},
                                          {"/memory", "acme/memory", true}};
  SystemClock clock_;
  tests::TempDirectory directory_;
  MemoryStore store_{clock_};
  MemoryJournal journal_{clock_};
  MemoryBlobs blobs_;
  FakeWorld world_;
  FakeSandboxes sandboxes_{world_};
  tests::EchoAdmin admin_;
  Rights rights_{admin_, clock_, mappings_};
  LiveFeed live_;
  std::vector<std::string> approve_;
  std::unique_ptr<ModelShelf> models_;
  int harnesses_ = 0;
  std::unique_ptr<Harness> harness_;
  std::unique_ptr<client::GrpcAgent> agent_;
};

TEST_F(AgentTest, ASessionIsRunAndWatchedToItsRest) {
  ASSERT_TRUE(agent_->start(kId, "", "hello", soon()));
  const Heard heard = watch();
  for (std::size_t i = 0; i < heard.events.size(); ++i) EXPECT_EQ(heard.events[i].seq, i + 1);
  EXPECT_EQ(heard.kinds().front(), "claimed");
  EXPECT_NE(heard.payload_of("user_message").find("hello"), std::string::npos);
  EXPECT_NE(heard.payload_of("call_finished").find("hello"), std::string::npos);
  EXPECT_EQ(heard.payload_of("session_failed"), "");
  VolumeFiles files(store_);
  EXPECT_EQ(files.read({"acme/memory", "/note.md", true}, soon())->bytes, "one\n");
}

TEST_F(AgentTest, StartingTwiceIsStartingOnceAndSayingItOnce) {
  EXPECT_FALSE(*agent_->start(kId, "", "hello", soon()));
  EXPECT_TRUE(*agent_->start(kId, "", "hello", soon()));
  const auto kinds = watch().kinds();
  EXPECT_EQ(std::count(kinds.begin(), kinds.end(), "user_message"), 1);
}

TEST_F(AgentTest, AWatchGoesOnBehindWhatIsKnown) {
  ASSERT_TRUE(agent_->start(kId, "", "hello", soon()));
  const std::uint64_t head = watch().events.back().seq;
  const Uuid message = random_uuid();
  EXPECT_FALSE(*agent_->send(kId, message, "more", soon()));
  EXPECT_TRUE(*agent_->send(kId, message, "more", soon()));
  const Heard heard = watch(head);
  ASSERT_FALSE(heard.events.empty());
  EXPECT_EQ(heard.events.front().seq, head + 1);
  EXPECT_NE(heard.payload_of("model_answered").find("And again."), std::string::npos);
}

TEST_F(AgentTest, AWatcherIsToldWhenTheHarnessGoesAndComes) {
  ASSERT_TRUE(agent_->start(kId, "", "", soon()));
  watch();  // it has begun, and waits for a first word
  std::latch at_rest(1);
  std::latch gone(1);
  Heard heard;
  heard.when_idle = [&] {
    if (heard.away == 0) at_rest.count_down();
    return true;
  };
  heard.when_away = [&] {
    gone.wait();
    start();
    EXPECT_TRUE(agent_->send(kId, random_uuid(), "hello", soon()));
  };
  // Its live text may have passed before the watch was back; the event has not.
  heard.enough = [&] {
    return !heard.events.empty() &&
           heard.events.back().payload.find("That was it.") != std::string::npos;
  };
  std::thread watcher([&] { EXPECT_TRUE(agent_->watch(kId, 0, heard, std::chrono::seconds(20))); });
  at_rest.wait();
  stop();
  gone.count_down();
  watcher.join();
  EXPECT_EQ(heard.away, 1);
  EXPECT_EQ(heard.back, 1);
  for (std::size_t i = 0; i < heard.events.size(); ++i) EXPECT_EQ(heard.events[i].seq, i + 1);
}

TEST_F(AgentTest, WhatWaitsForAPersonIsAnswered) {
  stop();
  approve_ = {"bash"};
  start();
  ASSERT_TRUE(agent_->start(kId, "", "hello", soon()));
  Heard heard = watch();
  const OpId op = op_id_of(kId, 1, 0);
  EXPECT_NE(heard.payload_of("call_intended").find(to_string(op)), std::string::npos);
  EXPECT_EQ(heard.payload_of("call_dispatched").find(to_string(op)), std::string::npos);
  EXPECT_TRUE(world_.effects.empty());
  EXPECT_EQ(agent_->approve(kId, OpId{random_uuid()}, true, "", soon()).error().code,
            Code::invalid);
  ASSERT_TRUE(agent_->approve(kId, op, true, "", soon()));
  heard = watch(heard.events.back().seq);
  EXPECT_NE(heard.payload_of("call_finished").find("hello"), std::string::npos);
  EXPECT_EQ(agent_->approve(kId, op, false, "", soon()).error().code, Code::invalid);
}

TEST_F(AgentTest, SessionsAreFoundAndDescribed) {
  ASSERT_TRUE(agent_->start(kId, "", "hello there", soon()));
  watch();
  const auto one = agent_->describe(kId, soon());
  ASSERT_TRUE(one);
  EXPECT_EQ(one->title, "hello there");
  EXPECT_EQ(one->state, "waiting");
  EXPECT_EQ(one->turn, 2U);
  ASSERT_TRUE(agent_->start(SessionId{random_uuid()}, "", "", soon()));
  const auto first = agent_->find("", 1, "", soon());
  ASSERT_TRUE(first);
  ASSERT_EQ(first->sessions.size(), 1U);
  const auto second = agent_->find("", 1, first->next, soon());
  ASSERT_EQ(second->sessions.size(), 1U);
  EXPECT_EQ(second->next, "");
  EXPECT_EQ(agent_->find("sleeping", 1, "", soon()).error().code, Code::invalid);
}

TEST_F(AgentTest, WhatCannotBeIsRefusedInWords) {
  EXPECT_EQ(agent_->describe(kId, soon()).error().code, Code::not_found);
  EXPECT_EQ(agent_->send(kId, random_uuid(), "x", soon()).error().code, Code::not_found);
  const auto key = agent_->start(kId, "anthropic:some-model", "x", soon());
  EXPECT_NE(key.error().message.find("key"), std::string::npos);
  EXPECT_EQ(agent_->start(kId, "moon:1", "x", soon()).error().code, Code::invalid);
  Heard heard;
  EXPECT_EQ(agent_->watch(kId, 0, heard, std::chrono::seconds(1)).error().code, Code::not_found);
}

TEST_F(AgentTest, EachCallCarriesItsCallersToken) {
  ASSERT_TRUE(agent_->start(kId, "", "hello", soon()));
  watch();
  harness_->tokens.with([](const std::vector<std::string>& tokens) {
    EXPECT_GE(tokens.size(), 2U);
    for (const std::string& token : tokens) EXPECT_EQ(token, "ob_ada");
  });
}

}  // namespace
}  // namespace outboard::harness
