// What a client carries of its snapshot from one server to another. [S40]
#include "core/feed.h"
#include "tests/wire/house.h"

namespace outboard::tests {
namespace {

// Two servers on one store: what one remembers, the other does not know.
class LoadedTest : public WireHouse {
 protected:
  LoadedTest() : volume_(memory_.add_volume("acme/skills")) {
    server::RpcConfig config;
    config.listen = {other_address()};
    config.workers = 8;
    auto other = server::RpcServer::start(config, memory_, admin_, tokens_);
    EXPECT_TRUE(other) << other.error().message;
    other_ = *std::move(other);
    put("team/a", "ours");
    put("secret/x", "theirs");
  }
  std::string other_address() const { return "unix:" + directory_.path() + "/other"; }
  std::unique_ptr<client::GrpcStore> elsewhere(const std::string& token) {
    client::ChannelConfig config = channel(token);
    config.address = other_address();
    return connect(config);
  }
  // A token for the files at and below `prefix`.
  std::string token(const std::string& prefix) {
    Caller caller = everything("ada");
    caller.grants = {Grant{volume_, prefix, false}};
    tokens_.set("ob" + prefix, std::move(caller));
    return "ob" + prefix;
  }
  Seq put(const std::string& path, std::string bytes) {
    Publish publish;
    publish.at = NameRef{"/" + path.substr(0, path.find('/')), path.substr(path.find('/') + 1)};
    publish.bytes = std::move(bytes);
    publish.parents = true;
    auto applied = memory_.apply(internal_call(soon()), volume_, Batch{{}, 0, {{publish, {}}}});
    EXPECT_TRUE(applied) << applied.error().message;
    return applied ? applied->last : Seq{};
  }
  // What a snapshot says of itself, in all of its parts.
  std::string load(client::GrpcStore& store) {
    std::optional<std::string> loaded;
    auto seq = store.snapshot(call(), volume_, {}, [&](const SnapshotPart& part) {
      EXPECT_EQ(loaded.value_or(part.loaded), part.loaded);
      loaded = part.loaded;
    });
    EXPECT_TRUE(seq) << seq.error().message;
    EXPECT_TRUE(loaded && !loaded->empty());
    return loaded.value_or("");
  }
  // Resumes behind the head's first change and takes what is there, or says why not.
  std::string resumed(client::GrpcStore& store, const std::string& loaded) {
    auto queue = std::make_shared<FeedQueue>(kWatcherQueueChanges, false, loaded);
    auto subscription = store.subscribe(call(), volume_, Seq{1}, queue);
    if (!subscription) return std::string(name_of(subscription.error().code));
    const Seq head = memory_.describe(internal_call(soon()), volume_)->head;
    std::string paths;
    for (Seq upto; upto < head;) {
      const auto item = queue->next(soon());
      if (!item || item->end) return "ended";
      for (const Change& change : item->changes) paths += change.path + " ";
      upto = item->upto;
    }
    return paths;
  }

  const VolumeId volume_;
  std::unique_ptr<server::RpcServer> other_;
};

TEST_F(LoadedTest, S40_AnyServerKnowsWhichPartWasLoaded) {
  const std::string part = load(*connect(token("/team")));
  const auto there = elsewhere(token("/team"));
  EXPECT_EQ(resumed(*there, part), "/team/a ");
  EXPECT_EQ(resumed(*there, ""), "history_gone") << "a client that does not say is not known there";
  EXPECT_EQ(resumed(*elsewhere(token("/secret")), part), "history_gone");
}

// The whole shows more than was loaded, and no change would tell of it.
TEST_F(LoadedTest, S40_WhoMaySeeTheWholeByNowTakesASnapshotAtAnyServer) {
  const std::string part = load(*connect(token("/team")));
  const auto there = elsewhere("ob_ada");
  EXPECT_EQ(resumed(*there, part), "history_gone");
  const std::string whole = load(*there);
  EXPECT_NE(whole, part);
  EXPECT_NE(resumed(*connect(), whole).find("/secret/x"), std::string::npos);
}

TEST_F(LoadedTest, S40_WhatAClientSaysWidensNothing) {
  const std::string whole = load(*connect());
  const auto there = elsewhere(token("/team"));
  EXPECT_EQ(resumed(*there, whole), "history_gone");
  EXPECT_EQ(resumed(*there, "made up"), "history_gone");
  // It says what it would have been told, and has loaded nothing: it hears of its part alone.
  const std::string guessed = load(*elsewhere(token("/team")));
  EXPECT_EQ(resumed(*there, guessed), "/team/a ");
}

// A stream that was cut goes on at a server that was started anew, without loading anything again.
TEST_F(LoadedTest, S40_AWatcherOfAPartGoesOnAtAnotherServer) {
  const auto store = connect(token("/team"));
  auto queue = std::make_shared<FeedQueue>(kWatcherQueueChanges, false, load(*store));
  const Seq head = memory_.describe(internal_call(soon()), volume_)->head;
  auto subscription = store->subscribe(call(), volume_, head, queue);
  ASSERT_TRUE(subscription) << subscription.error().message;
  stop();
  put("secret/y", "theirs");
  const Seq last = put("team/b", "ours");
  start();
  EXPECT_EQ(take(*queue, 1), std::vector<std::uint64_t>{last.value});
}

}  // namespace
}  // namespace outboard::tests
