#include <atomic>
#include <thread>

#include "core/feed.h"
#include "core/guarded.h"
#include "tests/wire/house.h"

namespace outboard::tests {
namespace {

TEST_F(WireHouse, TwoVolumesShareOneStream) {
  const VolumeId skills = memory_.add_volume("acme/skills");
  const VolumeId memory = memory_.add_volume("acme/memory");
  auto store = connect();
  auto of_skills = std::make_shared<FeedQueue>();
  auto of_memory = std::make_shared<FeedQueue>();
  auto one = store->subscribe(call(), skills, Seq{}, of_skills);
  auto two = store->subscribe(call(), memory, Seq{}, of_memory);
  ASSERT_TRUE(one && two);
  for (int i = 0; i < 10; ++i) {
    put(skills, "s" + std::to_string(i), "skill");
    put(memory, "m" + std::to_string(i), "memory");
  }
  const auto head = [&](VolumeId volume) { return memory_.describe(call(), volume)->head.value; };
  EXPECT_EQ(take(*of_skills, head(skills)), range(1, head(skills)));
  EXPECT_EQ(take(*of_memory, head(memory)), range(1, head(memory)));
  EXPECT_TRUE(store->connected());
  (*one)->acknowledge(Seq{3}, false);
}

TEST_F(WireHouse, AChangeSaysTheSameOnBothSides) {
  const VolumeId volume = memory_.add_volume("acme/memory");
  auto store = connect();
  auto far = std::make_shared<FeedQueue>();
  auto near = std::make_shared<FeedQueue>();
  auto one = store->subscribe(call(), volume, Seq{}, far);
  auto two = memory_.subscribe(internal_call(soon()), volume, Seq{}, near);
  ASSERT_TRUE(one && two);
  put(volume, "name \xff\xfe", "bytes");
  const auto first = [&](FeedQueue& queue) {  // past marks
    auto item = queue.next(soon());
    while (item != nullptr && item->changes.empty()) item = queue.next(soon());
    return item;
  };
  const auto there = first(*far);
  const auto here = first(*near);
  ASSERT_TRUE(there && here);
  EXPECT_EQ(there->changes, here->changes);
}

// [S7] A mount believes in its lease while the server is known to count it: not while it is frozen,
// nor before the server has heard that it is so no more, nor while there is no stream.
TEST_F(WireHouse, S7_WhoIsCountedIsWhatTheServerHasSaid) {
  VolumeSettings strict;
  strict.strict = true;
  const VolumeId volume = memory_.add_volume("acme/ledger", strict);
  auto store = connect();
  auto queue = std::make_shared<FeedQueue>(kWatcherQueueChanges, true);
  auto subscription = store->subscribe(call(), volume, Seq{}, queue);
  ASSERT_TRUE(subscription);
  const auto becomes = [&](bool counted) {
    while ((*subscription)->counted() != counted && clock_.now() < soon())
      std::this_thread::yield();
    return (*subscription)->counted() == counted;
  };
  EXPECT_TRUE((*subscription)->counted());
  store->set_frozen(true);
  EXPECT_FALSE((*subscription)->counted());
  EXPECT_TRUE(store->await_frozen(soon()));
  const Moment begun = clock_.now();
  put(volume, "a", "1");  // nobody waits for it
  EXPECT_LT(clock_.now() - begun, kStrictLease);
  EXPECT_FALSE((*subscription)->counted());
  store->set_frozen(false);
  EXPECT_FALSE(store->await_frozen(soon()));
  EXPECT_TRUE(becomes(true));
  std::thread writer([&] { put(volume, "b", "2"); });
  const std::uint64_t last = memory_.describe(call(), volume)->head.value;
  EXPECT_EQ(take(*queue, 1).size(), 1U);
  (*subscription)->acknowledge(Seq{last + 10}, false);
  writer.join();
  stop();
  EXPECT_TRUE(becomes(false));
  start();
  EXPECT_TRUE(becomes(true));
}

TEST_F(WireHouse, AServerThatComesBackLeavesNoGap) {
  const VolumeId volume = memory_.add_volume("acme/memory");
  auto store = connect();
  auto queue = std::make_shared<FeedQueue>();
  auto subscription = store->subscribe(call(), volume, Seq{}, queue);
  ASSERT_TRUE(subscription);
  std::uint64_t known = put(volume, "a", "1").last.value;
  EXPECT_EQ(take(*queue, known), range(1, known));
  for (int round = 0; round < 3; ++round) {
    stop();
    const std::uint64_t last = put(volume, "while-down" + std::to_string(round), "2").last.value;
    start();
    EXPECT_EQ(take(*queue, last - known), range(known + 1, last));
    known = last;
  }
  EXPECT_TRUE(store->connected());
}

TEST_F(WireHouse, ARevokedTokenEndsItsStreamsOnly) {
  const VolumeId volume = memory_.add_volume("acme/memory");
  tokens_.set("ob_bob", everything("bob"));
  auto ada = connect("ob_ada");
  auto bob = connect("ob_bob");
  auto of_ada = std::make_shared<FeedQueue>();
  auto of_bob = std::make_shared<FeedQueue>();
  auto one = ada->subscribe(call(), volume, Seq{}, of_ada);
  auto two = bob->subscribe(call(), volume, Seq{}, of_bob);
  ASSERT_TRUE(one && two);
  tokens_.revoke("ob_bob");
  EXPECT_EQ(end_of(*of_bob), FeedEnd::access_revoked);
  put(volume, "a", "1");
  EXPECT_FALSE(take(*of_ada, 1).empty());
}

TEST_F(WireHouse, ARenewedTokenKeepsTheSubscription) {
  const VolumeId volume = memory_.add_volume("acme/memory");
  tokens_.set("ob_old", everything("ada"));
  tokens_.set("ob_new", everything("ada"));
  auto token = std::make_shared<Guarded<std::string>>("ob_old");
  client::ChannelConfig config = channel();
  config.token = [token] { return token->with([](const std::string& text) { return text; }); };
  auto store = client::GrpcStore::connect(config, soon());
  ASSERT_TRUE(store);
  auto queue = std::make_shared<FeedQueue>();
  auto subscription = (*store)->subscribe(call(), volume, Seq{}, queue);
  ASSERT_TRUE(subscription);
  token->with([](std::string& text) { text = "ob_new"; });
  tokens_.revoke("ob_old");
  stop();  // at once, not at the next look at its token
  start();
  const std::uint64_t last = put(volume, "a", "1").last.value;
  EXPECT_EQ(take(*queue, last), range(1, last));
}

// Takes nothing after the first change, as one whose queue is full.
class FullSink final : public FeedSink {
 public:
  bool offer(const std::shared_ptr<const FeedItem>& item) override {
    last_.offer(item);
    return item->changes.empty();
  }
  FeedQueue last_;
};

TEST_F(WireHouse, ASlowSubscriberIsCutAndSaidSo) {
  const VolumeId volume = memory_.add_volume("acme/memory");
  auto store = connect();
  auto sink = std::make_shared<FullSink>();
  auto subscription = store->subscribe(call(), volume, Seq{}, sink);
  ASSERT_TRUE(subscription);
  put(volume, "a", "1");
  EXPECT_EQ(end_of(sink->last_), FeedEnd::too_slow);
}

TEST_F(WireHouse, AWatcherFarBehindArrives) {
  const VolumeId volume = memory_.add_volume("acme/memory");
  Batch batch;
  for (std::size_t i = 0; i < 4'000; ++i) {
    MakeDirectory make;
    make.at = NameRef{std::string("/"), "d" + std::to_string(i)};
    batch.steps.push_back({make, {}});
  }
  for (int i = 0; i < 6; ++i) {
    for (Step& step : batch.steps) std::get<MakeDirectory>(step.op).at.name += "x";
    ASSERT_TRUE(memory_.apply(internal_call(soon()), volume, batch));
  }
  const std::uint64_t head = memory_.describe(call(), volume)->head.value;
  auto store = connect();
  auto queue = std::make_shared<FeedQueue>(head);
  auto subscription = store->subscribe(call(), volume, Seq{}, queue);
  ASSERT_TRUE(subscription);
  EXPECT_EQ(take(*queue, head), range(1, head));
}

TEST_F(WireHouse, ASubscribeIsRefusedWithItsReason) {
  auto store = connect();
  auto queue = std::make_shared<FeedQueue>();
  auto unknown = store->subscribe(call(), VolumeId{99}, Seq{}, queue);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Code::not_found);

  const VolumeId volume = memory_.add_volume("acme/memory");
  const Seq head = put(volume, "a", "1").last;
  put(volume, "a", "2");
  memory_.forget(volume, head);
  auto gone = store->subscribe(call(), volume, Seq{}, queue);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, Code::history_gone);

  auto stranger = connect("ob_nobody");
  auto refused = stranger->subscribe(call(), volume, head, queue);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unauthenticated);
}

// [S33] What is one item in the store is one item at its watcher, however many messages it took.
TEST_F(WireHouse, ALargeItemArrivesWhole) {
  const VolumeId volume = memory_.add_volume("acme/memory");
  auto store = connect();
  auto queue = std::make_shared<FeedQueue>();
  auto subscription = store->subscribe(call(), volume, Seq{}, queue);
  ASSERT_TRUE(subscription);
  Batch batch;
  for (int i = 0; i < 1'000; ++i) {
    MakeDirectory made{NameRef{std::string("/"), "d" + std::to_string(i)}, 0755, 0, 0, false};
    batch.steps.push_back({made, {}});
  }
  ASSERT_TRUE(memory_.apply(internal_call(soon()), volume, batch));
  for (;;) {
    const auto item = queue->next(soon());
    ASSERT_TRUE(item);
    if (item->changes.empty()) continue;  // a mark
    EXPECT_EQ(item->changes.size(), 1'000U);
    EXPECT_EQ(item->upto, Seq{1'000});
    break;
  }
}

}  // namespace
}  // namespace outboard::tests
