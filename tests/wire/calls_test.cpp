#include <thread>

#include "core/limits.h"
#include "tests/wire/house.h"

namespace outboard::tests {
namespace {

Publish publish(const std::string& name, std::string bytes) {
  Publish op;
  op.at = NameRef{std::string("/"), name};
  op.bytes = std::move(bytes);
  return op;
}

std::string noise(std::size_t size, unsigned seed) {
  std::string bytes(size, '\0');
  std::uint32_t state = seed;
  for (char& byte : bytes) {
    state = state * 1'664'525U + 1'013'904'223U;
    byte = static_cast<char>(state >> 24U);
  }
  return bytes;
}

// Reads a file in pieces.
std::string content(Store& store, const Call& call, VolumeId volume, const Node& node) {
  std::string bytes;
  while (bytes.size() < node.attributes.size) {
    auto part = store.read(call, volume, node.inode, node.version, bytes.size(), kReadBytesMax);
    if (!part) return part.error().message;
    bytes += part->value.bytes;
  }
  return bytes;
}

TEST_F(WireHouse, ALargeBatchArrivesInPartsAndWhole) {
  const VolumeId volume = memory_.add_volume("acme/memory");
  auto store = connect();
  Batch batch;
  batch.request = {store->client(), 1};
  batch.steps.push_back({publish("big", noise(9'000'001, 1)), {}});
  batch.steps.push_back({publish("empty", ""), {}});
  batch.steps.push_back({publish("small", "small"), {}});
  Write write;
  write.node = std::string("/big");
  write.extents = {{5, noise(3'000'000, 2)}, {10'000'000, "end"}};
  batch.steps.push_back({write, {}});
  auto applied = store->apply(call(), volume, batch);
  ASSERT_TRUE(applied) << applied.error().message;
  ASSERT_EQ(applied->outcomes.size(), 4U);

  std::string expected = noise(9'000'001, 1);
  expected.replace(5, 3'000'000, noise(3'000'000, 2));
  expected.resize(10'000'000, '\0');
  expected += "end";
  EXPECT_EQ(content(*store, call(), volume, applied->outcomes[0].node), expected);

  auto again = store->apply(call(), volume, batch);
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->repeated);
  EXPECT_EQ(again->last, applied->last);

  auto many = store->read_many(call(), volume,
                               {{applied->outcomes[0].node.inode, {}},
                                {Inode{404'404}, {}},
                                {applied->outcomes[1].node.inode, {}},
                                {applied->outcomes[2].node.inode, {}}});
  ASSERT_TRUE(many) << many.error().message;
  EXPECT_EQ(many->value.at(0)->bytes, expected);
  EXPECT_EQ(many->value.at(1).error().code, Code::not_found);
  EXPECT_EQ(many->value.at(2)->bytes, "");
  EXPECT_EQ(many->value.at(3)->bytes, "small");
}

TEST_F(WireHouse, ARefusalArrivesWithItsDetails) {
  const VolumeId volume = memory_.add_volume("acme/memory");
  auto store = connect();
  put(volume, "a", "1");
  Batch batch;
  batch.steps.push_back({publish("b", "1"), {}});
  batch.steps.push_back({publish("a", "2"), Precondition{true, {}, {}}});
  auto far = store->apply(call(), volume, batch);
  auto near = memory_.apply(internal_call(soon()), volume, batch);
  ASSERT_FALSE(far);
  ASSERT_FALSE(near);
  EXPECT_EQ(far.error(), near.error());
}

TEST_F(WireHouse, AListingLargerThanAMessageComesInPages) {
  const VolumeId volume = memory_.add_volume("acme/memory");
  auto store = connect();
  Batch batch;
  for (int i = 0; i < 1'500; ++i) {
    MakeSymlink make;
    make.at = NameRef{std::string("/"), "link" + std::to_string(10'000 + i)};
    make.target = std::string(kSymlinkBytesMax, 't');
    batch.steps.push_back({make, {}});
  }
  auto applied = store->apply(call(), volume, batch);
  ASSERT_TRUE(applied) << applied.error().message;
  EXPECT_EQ(applied->outcomes.size(), 1'500U);
  std::size_t entries = 0;
  std::size_t pages = 0;
  std::string after;
  do {
    auto page = store->list(call(), volume, kRootInode, after, 0);
    ASSERT_TRUE(page);
    entries += page->value.entries.size();
    after = page->value.next;
    ++pages;
  } while (!after.empty());
  EXPECT_EQ(entries, 1'500U);
  EXPECT_GT(pages, 1U);

  HistoryQuery query;
  query.limit = kPageEntriesMax;
  auto history = store->history(call(), volume, query);
  ASSERT_TRUE(history);
  EXPECT_EQ(history->value.size(), 1'500U);

  std::size_t snapped = 0;
  auto seq = store->snapshot(call(), volume, {},
                             [&](SnapshotPart part) { snapped += part.entries.size(); });
  ASSERT_TRUE(seq) << seq.error().message;
  EXPECT_EQ(*seq, applied->last);
  EXPECT_GE(snapped, 1'500U);
}

TEST_F(WireHouse, WithoutAGoodTokenNothingIsAnswered) {
  memory_.add_volume("acme/memory");
  for (const char* token : {"", "ob_nobody", "ob_ada and more"}) {
    auto store = connect(token);
    ASSERT_TRUE(store);
    auto volume = store->open_volume(call(), "acme/memory");
    ASSERT_FALSE(volume);
    EXPECT_EQ(volume.error().code, Code::unauthenticated);
  }
}

TEST_F(WireHouse, AReadersTokenSeesAndDoesNotTouch) {
  const VolumeId volume = memory_.add_volume("acme/memory");
  const VolumeId other = memory_.add_volume("acme/secret");
  Caller caller = everything("eve");
  caller.grants = {Grant{volume, "/", false}};
  tokens_.set("ob_eve", caller);
  auto store = connect("ob_eve");
  auto opened = store->open_volume(call(), "acme/memory");
  ASSERT_TRUE(opened);
  EXPECT_TRUE(opened->read_only);
  Batch batch;
  batch.steps.push_back({publish("a", "1"), {}});
  EXPECT_EQ(store->apply(call(), volume, batch).error().code, Code::read_only);
  EXPECT_EQ(store->open_volume(call(), "acme/secret").error().code, Code::not_found);
  EXPECT_EQ(store->open_volume(call(), "acme/secret").error().message.find("grant for it") ==
                std::string::npos,
            false);
  EXPECT_EQ(store->apply(call(), other, batch).error().code, Code::not_found);
}

TEST_F(WireHouse, AReadIsAskedAgainWhileTheServerIsAway) {
  const VolumeId volume = memory_.add_volume("acme/memory");
  put(volume, "a", "1");
  auto store = connect();
  stop();
  std::thread back([this] { start(); });
  auto node = store->attributes(call(), volume, std::string("/a"));
  back.join();
  EXPECT_TRUE(node) << node.error().message;
}

TEST_F(WireHouse, AServerThatIsAwayIsUnavailableAtTheDeadline) {
  const VolumeId volume = memory_.add_volume("acme/memory");
  auto store = connect();
  stop();
  auto node = store->attributes(Call::until(clock_.now() + std::chrono::milliseconds(200)), volume,
                                kRootInode);
  ASSERT_FALSE(node);
  EXPECT_EQ(node.error().code, Code::unavailable);
  auto late = client::GrpcStore::connect(channel(), clock_.now() + std::chrono::milliseconds(100));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::unavailable);
}

TEST_F(WireHouse, ATcpServerBeyondLoopbackNeedsTls) {
  server::RpcConfig config;
  config.listen = {"0.0.0.0:0"};
  auto open = server::RpcServer::start(config, memory_, admin_, tokens_);
  ASSERT_FALSE(open);
  EXPECT_EQ(open.error().code, Code::invalid);
  config.listen = {"127.0.0.1:0"};
  auto local = server::RpcServer::start(config, memory_, admin_, tokens_);
  ASSERT_TRUE(local) << local.error().message;
  auto dial = channel();
  dial.address = (*local)->addresses().at(0);
  EXPECT_TRUE(client::GrpcStore::connect(dial, soon()));
  dial.address = "outboard.example.com:443";
  auto clear = client::GrpcStore::connect(dial, soon());
  ASSERT_FALSE(clear);
  EXPECT_EQ(clear.error().code, Code::invalid);
}

}  // namespace
}  // namespace outboard::tests
