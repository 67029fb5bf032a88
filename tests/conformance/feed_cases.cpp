// The order of changes: the feed, snapshots, reads at a seq, history.
#include <map>
#include <thread>

#include "core/clock.h"
#include "core/limits.h"
#include "tests/conformance/store_suite.h"

namespace outboard::tests {
namespace {

// Takes changes until the head is reached; fails on a gap, a double or an end.
std::vector<Change> changes_until(FeedQueue& queue, Seq after, Seq until) {
  std::vector<Change> all;
  while (after < until) {
    const auto item = queue.next(SystemClock().now() + kCallWait);
    if (!item || item->end) {
      ADD_FAILURE() << (item ? name_of(*item->end) : "nothing came") << " at " << after.value;
      return all;
    }
    for (const Change& change : item->changes) {
      EXPECT_EQ(change.seq.value, after.value + 1);
      after = change.seq;
      all.push_back(change);
    }
  }
  return all;
}

// A tree as a follower keeps it: what a mount does with snapshot and feed, in its simplest form.
struct Follower {
  std::map<Dentry, Inode> names;
  std::map<Inode, Node> nodes;

  void take(const SnapshotPart& part) {
    for (const Entry& entry : part.entries) {
      names[entry.dentry] = entry.node.inode;
      nodes[entry.node.inode] = entry.node;
    }
  }
  void touch(Inode directory, Timestamp at, int links) {
    Attributes& attributes = nodes.at(directory).attributes;
    attributes.modified = at;
    attributes.changed = at;
    attributes.links += static_cast<std::uint32_t>(links);
  }
  void follow(const Change& change) {
    const bool directory = change.node.is(Kind::directory);
    if (change.before) {
      names.erase(*change.before);
      touch(change.before->parent, change.at, directory ? -1 : 0);
    }
    if (change.other) displace(change);
    if (change.after) {
      names[*change.after] = change.node.inode;
      touch(change.after->parent, change.at, directory ? 1 : 0);
    }
    nodes[change.node.inode] = change.node;
    if (change.node.removed()) nodes.erase(change.node.inode);
  }
  void displace(const Change& change) {
    const Displaced& other = *change.other;
    Node& node = nodes.at(other.inode);
    const int directory = node.is(Kind::directory) ? 1 : 0;
    touch(change.after->parent, change.at, -directory);
    node.attributes.links = other.links;
    node.attributes.changed = change.at;
    if (other.exchanged) {
      names[*change.before] = other.inode;
      touch(change.before->parent, change.at, directory);
    } else if (other.links == 0) {
      nodes.erase(other.inode);
    }
  }
};

// Some of everything, in a directory that others share.
std::vector<Op> mixed_ops(int round, int thread) {
  const std::string mine = "f" + std::to_string(thread) + "-" + std::to_string(round);
  const NameRef shared{NodeRef{"/shared"}, mine};
  const std::string path = "/shared/" + mine;
  const NameRef moved{NodeRef{"/"}, mine};
  std::vector<Op> ops{CreateFile{shared}, Append{NodeRef{path}, mine}};
  if (round % 2 == 0) ops.emplace_back(Rename{shared, moved, RenameMode::replace, {}});
  if (round % 3 == 0) ops.emplace_back(MakeDirectory{NameRef{NodeRef{"/shared"}, mine + ".d"}});
  if (round % 6 == 0) ops.emplace_back(RemoveDirectory{NameRef{NodeRef{"/shared"}, mine + ".d"}});
  if (round % 4 == 0) ops.emplace_back(Unlink{moved});
  if (round % 5 == 0) ops.emplace_back(Append{NodeRef{"/shared/log"}, mine + "\n"});
  return ops;
}

TEST_P(StoreSuite, S13_SnapshotAndFeedMakeTheFinalStateUnderWriters) {
  put("/shared/log", "");
  std::vector<std::thread> writers;
  for (int t = 0; t < 4; ++t) {
    writers.emplace_back([&, t] {
      for (int round = 0; round < 30; ++round) {
        for (Op& op : mixed_ops(round, t)) done(std::move(op));
      }
    });
  }
  Follower follower;
  auto seq = store().snapshot(call(), volume_, {}, [&](SnapshotPart part) { follower.take(part); });
  ASSERT_TRUE(seq);
  auto queue = std::make_shared<FeedQueue>();
  auto subscription = store().subscribe(call(), volume_, *seq, queue);
  ASSERT_TRUE(subscription);
  for (auto& writer : writers) writer.join();
  for (const Change& change : changes_until(*queue, *seq, head())) follower.follow(change);
  Follower fresh;
  auto last = store().snapshot(call(), volume_, {}, [&](SnapshotPart part) { fresh.take(part); });
  ASSERT_TRUE(last);
  EXPECT_EQ(*last, head());
  EXPECT_EQ(follower.names, fresh.names);
  EXPECT_TRUE(follower.nodes == fresh.nodes);
}

TEST_P(StoreSuite, S13_AFeedResumesWhereItWasLeft) {
  put("/a", "1");
  put("/b", "2");
  const Seq middle = head();
  auto first = std::make_shared<FeedQueue>();
  {
    auto subscription = store().subscribe(call(), volume_, Seq{}, first);
    ASSERT_TRUE(subscription);
    EXPECT_EQ(changes_until(*first, Seq{}, middle).size(), middle.value);
    (*subscription)->acknowledge(middle);
  }
  put("/c", "3");
  auto second = std::make_shared<FeedQueue>();
  auto subscription = store().subscribe(call(), volume_, middle, second);
  ASSERT_TRUE(subscription);
  put("/d", "4");
  const auto rest = changes_until(*second, middle, head());
  ASSERT_EQ(rest.size(), 2U);
  EXPECT_EQ(rest[0].path, "/c");
  EXPECT_EQ(rest[1].path, "/d");
  EXPECT_EQ(rest[1].kind, ChangeKind::create);
  EXPECT_EQ(rest[1].node.attributes.size, 1U);
}

TEST_P(StoreSuite, S13_ChangesSayEnoughToFollow) {
  const Node file = put("/d/f", "one");
  done(move("/d/f", "/g"));
  const auto changes = log();
  ASSERT_EQ(changes.size(), 3U);
  EXPECT_EQ(changes[0].path, "/d");
  EXPECT_EQ(changes[1].after, (Dentry{changes[0].node.inode, "f"}));
  EXPECT_EQ(changes[1].node, file);
  EXPECT_EQ(changes[2].before, (Dentry{changes[0].node.inode, "f"}));
  EXPECT_EQ(changes[2].after, (Dentry{kRootInode, "g"}));
  EXPECT_EQ(changes[2].path, "/g");
  for (const Change& change : changes) EXPECT_FALSE(change.origin.principal.empty());
}

TEST_P(StoreSuite, S13_TheRequestIsInTheOrigin) {
  Batch batch;
  batch.request = RequestId{ClientId{random_uuid()}, 7};
  batch.steps.push_back(Step{CreateFile{at("/f")}, {}});
  ASSERT_TRUE(store().apply(call(), volume_, batch));
  EXPECT_EQ(log().back().origin.client, batch.request.client);
  EXPECT_EQ(log().back().origin.number, 7U);
}

TEST_P(StoreSuite, S13_HistoryThatIsGoneIsSaid) {
  put("/a", "1");
  put("/b", "2");
  auto queue = std::make_shared<FeedQueue>();
  auto future = store().subscribe(call(), volume_, Seq{head().value + 1}, queue);
  ASSERT_FALSE(future);
  EXPECT_EQ(future.error().code, Code::history_gone);
  if (!fixture_->forget(volume_, Seq{1})) GTEST_SKIP() << "this store forgets nothing yet";
  auto gone = store().subscribe(call(), volume_, Seq{}, queue);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, Code::history_gone);
  EXPECT_TRUE(store().subscribe(call(), volume_, Seq{1}, queue));
}

TEST_P(StoreSuite, S6_AReadWaitsForTheSeqItAsks) {
  put("/a", "1");
  const Seq next{head().value + 1};
  Call soon = call();
  soon.deadline = SystemClock().now() + std::chrono::milliseconds(50);
  auto early = store().attributes(soon, volume_, NodeRef{"/a"}, ReadAt{next, {}});
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().code, Code::timed_out);
  std::thread writer([&] { put("/b", "2"); });
  auto waited = store().lookup(call(), volume_, NameRef{kRootInode, "b"}, ReadAt{next, {}});
  writer.join();
  ASSERT_TRUE(waited) << waited.error().message;
  EXPECT_GE(waited->seq, next);
}

TEST_P(StoreSuite, S6_AnswersCarryTheSeqTheyAreTrueAt) {
  const Node file = put("/a", "1");
  const Seq now = head();
  EXPECT_EQ(store().attributes(call(), volume_, NodeRef{"/a"})->seq, now);
  EXPECT_EQ(store().list(call(), volume_, NodeRef{"/"}, "", 10)->seq, now);
  EXPECT_EQ(store().read(call(), volume_, file.inode, {}, 0, 10)->seq, now);
  EXPECT_EQ(store().lookup(call(), volume_, NameRef{kRootInode, "a"})->seq, now);
}

// [S13] A store may remember what it has told before: never as something later.
TEST_P(StoreSuite, S13_ASnapshotTakenAgainIsTheSameUntilSomethingChanges) {
  const std::size_t files = 2 * kPartBytes / kSnapshotBodyBytesMax + 1;  // more than one part
  for (std::size_t i = 0; i < files; ++i) {
    put("/f" + std::to_string(i), pattern(kSnapshotBodyBytesMax - i));
  }
  const auto all = [&] {
    std::pair<std::map<Dentry, Node>, std::map<ContentKey, std::string>> told;
    const auto seq = store().snapshot(call(), volume_, {}, [&](SnapshotPart part) {
      for (Entry& entry : part.entries) told.first.emplace(entry.dentry, entry.node);
      for (auto& [key, body] : part.bodies) told.second.emplace(key, std::move(body));
    });
    EXPECT_TRUE(seq) << seq.error().message;
    return told;
  };
  const auto first = all();
  const Dentry f1{kRootInode, "f1"};
  EXPECT_EQ(first.second.size(), files);
  EXPECT_EQ(all(), first);
  put("/f1", "changed");
  const auto changed = all();
  EXPECT_EQ(changed.first.size(), first.first.size());
  EXPECT_NE(changed, first);
  EXPECT_EQ(changed.first.find(f1)->second.version, Version{2});
  EXPECT_EQ((changed.second.at({changed.first.find(f1)->second.inode, Version{2}})), "changed");
}

TEST_P(StoreSuite, S13_ASnapshotBringsSmallBodies) {
  const Node small = put("/small", "body");
  put("/large", pattern(kSnapshotBodyBytesMax + 1));
  put("/d/e/f", "deep");
  std::vector<std::string> order;
  std::map<ContentKey, std::string> bodies;
  const auto take = [&](SnapshotPart part) {
    for (const Entry& entry : part.entries) order.push_back(entry.dentry.name);
    for (auto& [key, body] : part.bodies) bodies[key] = std::move(body);
  };
  ASSERT_TRUE(store().snapshot(call(), volume_, {}, take));
  EXPECT_EQ(order.size(), 6U);
  EXPECT_EQ(order.front(), "");
  EXPECT_EQ(bodies.size(), 2U);
  EXPECT_EQ((bodies[ContentKey{small.inode, small.version}]), "body");
  bodies.clear();
  SnapshotQuery bare;
  bare.bodies_bytes_max = 0;
  ASSERT_TRUE(store().snapshot(call(), volume_, bare, take));
  EXPECT_TRUE(bodies.empty());
}

TEST_P(StoreSuite, S13_HistoryIsAskedByNodeAndRange) {
  put("/a", "1");
  put("/b", "2");
  put("/a", "3");
  HistoryQuery query;
  query.node = NodeRef{"/a"};
  auto of_a = store().history(call(), volume_, query);
  ASSERT_TRUE(of_a);
  ASSERT_EQ(of_a->value.size(), 2U);
  EXPECT_GT(of_a->value[0].seq, of_a->value[1].seq);
  query = {};
  query.after = Seq{1};
  query.before = Seq{3};
  auto middle = store().history(call(), volume_, query);
  ASSERT_TRUE(middle);
  ASSERT_EQ(middle->value.size(), 1U);
  EXPECT_EQ(middle->value[0].path, "/b");
  query = {};
  query.newest_first = false;
  query.limit = 1;
  EXPECT_EQ(store().history(call(), volume_, query)->value.at(0).seq, Seq{1});
}

TEST_P(StoreSuite, S18_AnUnknownVolumeIsNotFound) {
  auto opened = store().open_volume(call(), "acme/nowhere");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::not_found);
  auto read = store().attributes(call(), VolumeId{999'999'999}, NodeRef{"/"});
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::not_found);
  auto known = store().describe(call(), volume_);
  ASSERT_TRUE(known);
  EXPECT_EQ(store().open_volume(call(), known->name)->id, volume_);
}

TEST_P(StoreSuite, S18_VolumesAreApart) {
  put("/f", "first");
  const VolumeId first = volume_;
  use_volume({});
  EXPECT_FALSE(there("/f"));
  put("/f", "second");
  volume_ = first;
  EXPECT_EQ(content("/f"), "first");
}

}  // namespace
}  // namespace outboard::tests
