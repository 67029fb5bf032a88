// The past: trees as of a seq, what the log remembers and what it has forgotten.
#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "core/limits.h"
#include "tests/conformance/store_suite.h"

namespace outboard::tests {
namespace {

// A whole tree, in one order whatever order it came in.
std::vector<Entry> tree(Store& store, const Call& call, VolumeId volume, const ReadAt& at) {
  std::vector<Entry> all;
  const SnapshotQuery query{at, 0};
  auto seq = store.snapshot(call, volume, query, [&](SnapshotPart part) {
    all.insert(all.end(), part.entries.begin(), part.entries.end());
  });
  EXPECT_TRUE(seq) << seq.error().message;
  std::sort(all.begin(), all.end(),
            [](const Entry& a, const Entry& b) { return a.dentry < b.dentry; });
  return all;
}

std::string told(const Entry& entry) {
  const Attributes& a = entry.node.attributes;
  return to_string(entry.dentry.parent) + "/" + entry.dentry.name + " → " +
         to_string(entry.node.inode) + " v" + to_string(entry.node.version) + " links " +
         std::to_string(a.links) + " size " + std::to_string(a.size) + " mode " +
         std::to_string(a.mode) + " modified " + std::to_string(a.modified.nanoseconds) +
         " changed " + std::to_string(a.changed.nanoseconds) + " accessed " +
         std::to_string(a.accessed.nanoseconds);
}

// The paths that a whole tree gives each of its nodes, parents in any order.
std::map<Inode, std::set<std::string>> paths_of(const std::vector<Entry>& entries) {
  std::map<Inode, Dentry> directories;
  for (const Entry& entry : entries) {
    if (entry.node.is(Kind::directory)) directories.emplace(entry.node.inode, entry.dentry);
  }
  std::map<Inode, std::set<std::string>> all;
  for (const Entry& entry : entries) {
    std::string path;
    for (Dentry at = entry.dentry; at.parent; at = directories.at(at.parent)) {
      path.insert(0, "/" + at.name);
    }
    all[entry.node.inode].insert(path.empty() ? "/" : path);
  }
  return all;
}

// Where each node stood then, as the store says; who asks over the wire is not told.
void expect_paths(Store& store, const Call& call, VolumeId volume, const std::vector<Entry>& then,
                  Seq seq) {
  const auto wanted = paths_of(then);
  std::vector<Inode> inodes;
  for (const auto& [inode, paths] : wanted) inodes.push_back(inode);
  const Inode never{1'000'000};
  inodes.push_back(never);
  const auto told = store.paths(call, volume, inodes, as_of(seq));
  if (!told) {
    EXPECT_EQ(told.error().code, Code::unsupported) << told.error().message;
    return;
  }
  EXPECT_EQ(told->seq, seq);
  ASSERT_EQ(told->value.size(), inodes.size());
  EXPECT_TRUE(told->value.back().empty());
  for (std::size_t i = 0; i + 1 < inodes.size(); ++i) {
    const std::set<std::string> paths(told->value[i].begin(), told->value[i].end());
    EXPECT_EQ(paths, wanted.at(inodes[i])) << "inode " << inodes[i].value << " as of " << seq.value;
  }
}

// [S28] Whatever is done to a tree, each of its former states can be read again, to the last time.
TEST_P(StoreSuite, S28_EveryFormerTreeCanBeReadAgain) {
  std::mt19937 random(28);
  const auto pick = [&](unsigned below) { return static_cast<unsigned>(random() % below); };
  const auto some_path = [&] {
    std::string path = "/" + std::string(1, static_cast<char>('a' + pick(4)));
    while (pick(2) == 0) path += "/" + std::string(1, static_cast<char>('a' + pick(4)));
    return path;
  };
  std::map<Seq, std::vector<Entry>> trees{{head(), tree(store(), call(), volume_, {})}};
  for (int round = 0; round < 500; ++round) {
    const std::string path = some_path();
    const std::string other = some_path();
    Op op;
    switch (pick(9)) {
      case 0:
      case 1: {
        Publish publish;
        publish.at = at(path);
        publish.bytes = pattern(pick(200), static_cast<unsigned>(round));
        publish.parents = pick(2) == 0;
        op = std::move(publish);
        break;
      }
      case 2: op = MakeDirectory{at(path), 0755, 1, 2, pick(2) == 0}; break;
      case 3: op = Unlink{at(path)}; break;
      case 4: op = RemoveDirectory{at(path), pick(3) == 0}; break;
      case 5: op = Rename{at(path), at(other), RenameMode::replace, {}}; break;
      case 6: op = Rename{at(path), at(other), RenameMode::exchange, {}}; break;
      case 7: op = MakeLink{NodeRef{path}, at(other)}; break;
      default: {
        SetAttributes set;
        set.node = NodeRef{pick(4) == 0 ? "/" : path};
        set.mode = 0700 + pick(64);
        op = set;
      }
    }
    if (apply(std::move(op))) trees[head()] = tree(store(), call(), volume_, {});
  }
  ASSERT_GT(trees.size(), 60U);
  for (const auto& [seq, entries] : trees) {
    const std::vector<Entry> past = tree(store(), call(), volume_, as_of(seq));
    ASSERT_EQ(past.size(), entries.size()) << "as of " << seq.value;
    for (std::size_t i = 0; i < past.size(); ++i) {
      ASSERT_EQ(told(past[i]), told(entries[i])) << "as of " << seq.value;
      ASSERT_EQ(past[i], entries[i]) << "as of " << seq.value;
    }
    expect_paths(store(), call(), volume_, entries, seq);
    // One by one they say the same.
    const Entry& one = entries[pick(static_cast<unsigned>(entries.size()))];
    auto node = store().attributes(call(), volume_, one.node.inode, as_of(seq));
    ASSERT_TRUE(node) << node.error().message;
    EXPECT_EQ(node->value, one.node);
    EXPECT_EQ(node->seq, seq);
    if (!one.dentry.parent) continue;
    auto entry =
        store().lookup(call(), volume_, NameRef{one.dentry.parent, one.dentry.name}, as_of(seq));
    ASSERT_TRUE(entry) << entry.error().message;
    EXPECT_EQ(entry->value, one);
    auto page = store().list(call(), volume_, one.dentry.parent, "", 0, as_of(seq));
    ASSERT_TRUE(page) << page.error().message;
    EXPECT_TRUE(std::find(page->value.entries.begin(), page->value.entries.end(), one) !=
                page->value.entries.end());
  }
}

// [S28] A path leads where it led then, and says why it leads nowhere.
TEST_P(StoreSuite, S28_APathLeadsWhereItLedThen) {
  put("/a/b/f", "one");
  const Seq then = head();
  put("/a/b/f", "two, longer");
  done(move("/a/b", "/c"));
  done(RemoveDirectory{at("/a"), true});
  put("/a", "a file now");
  const auto look = [&](const std::string& path, Seq seq) {
    return store().attributes(call(), volume_, NodeRef{path}, as_of(seq));
  };
  auto old = look("/a/b/f", then);
  ASSERT_TRUE(old) << old.error().message;
  EXPECT_EQ(content(old->value.inode, old->value.version), "one");
  EXPECT_EQ(look("/c/f", then).error().code, Code::not_found);
  EXPECT_EQ(look("/a/b/f/deeper", then).error().code, Code::not_directory);
  EXPECT_EQ(look("/a/b/f", head()).error().code, Code::not_directory);
  auto entry = store().lookup(call(), volume_, at("/a/b/f"), as_of(then));
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->value.dentry.name, "f");
  EXPECT_EQ(entry->value.node, old->value);
  EXPECT_EQ(store().list(call(), volume_, NodeRef{"/a/b/f"}, "", 0, as_of(then)).error().code,
            Code::not_directory);
  auto nothing_yet = store().list(call(), volume_, kRootInode, "", 0, as_of(Seq{0}));
  ASSERT_TRUE(nothing_yet) << nothing_yet.error().message;
  EXPECT_TRUE(nothing_yet->value.entries.empty());
  EXPECT_EQ(look("/c/f", Seq{0}).error().code, Code::not_found);
}

// [S28] A node that was removed by then was last where it was removed; one that came later,
// nowhere.
TEST_P(StoreSuite, S28_WhatWasGoneStoodWhereItWentFrom) {
  const Node file = put("/a/f", "one");
  const Seq there = head();
  done(move("/a", "/b"));
  done(Unlink{at("/b/f")});
  const Seq gone = head();
  const Node later = put("/b/f", "two");
  done(move("/b", "/c"));
  const auto paths = [&](Inode inode, Seq seq) {
    auto told = store().paths(call(), volume_, {inode}, as_of(seq));
    return told ? told->value.front() : std::vector<std::string>{"unsupported"};
  };
  using Paths = std::vector<std::string>;
  if (paths(kRootInode, there) == Paths{"unsupported"}) return;  // over the wire
  EXPECT_EQ(paths(file.inode, there), Paths{"/a/f"});
  EXPECT_EQ(paths(file.inode, gone), Paths{"/b/f"});
  EXPECT_EQ(paths(file.inode, head()), Paths{"/b/f"});
  EXPECT_EQ(paths(later.inode, gone), Paths{});
  EXPECT_EQ(paths(later.inode, head()), Paths{"/c/f"});
}

// [S28] A listing of the past comes in pages by name, with what is gone and without what is new.
TEST_P(StoreSuite, S28_APastDirectoryComesInPages) {
  std::vector<Step> steps;
  for (int i = 0; i < 40; ++i) steps.push_back({MakeDirectory{at("/d" + std::to_string(i))}, {}});
  ASSERT_TRUE(apply(std::move(steps)));
  const std::vector<std::string> then_names = names("/");
  const Seq then = head();
  for (int i = 0; i < 40; i += 3) done(RemoveDirectory{at("/d" + std::to_string(i)), false});
  for (int i = 0; i < 40; ++i) mkdir("/new" + std::to_string(i));
  done(move("/d1", "/z"));
  std::vector<std::string> read;
  std::string after;
  do {
    auto page = store().list(call(), volume_, kRootInode, after, 7, as_of(then));
    ASSERT_TRUE(page) << page.error().message;
    ASSERT_LE(page->value.entries.size(), 7U);
    for (const Entry& entry : page->value.entries) read.push_back(entry.dentry.name);
    after = page->value.next;
  } while (!after.empty());
  EXPECT_EQ(read, then_names);
}

// [S28] A seq that has not come is waited for; one that the log has forgotten is refused.
TEST_P(StoreSuite, S28_WhatTheLogHasForgottenIsRefused) {
  put("/kept", "1");
  mkdir("/d");
  const Node gone = put("/d/gone", "x");
  done(Unlink{at("/d/gone")});
  put("/kept", "22");
  const Seq pruned = head();
  const std::vector<Entry> then = tree(store(), call(), volume_, {});
  put("/kept", "333");
  done(RemoveDirectory{at("/d"), true});
  if (!fixture_->forget(volume_, pruned)) GTEST_FAIL() << "the store cannot forget";
  EXPECT_EQ(tree(store(), call(), volume_, as_of(pruned)), then);
  for (const Seq before : {Seq{0}, Seq{pruned.value - 1}}) {
    EXPECT_EQ(store().attributes(call(), volume_, kRootInode, as_of(before)).error().code,
              Code::history_gone);
    EXPECT_EQ(store().list(call(), volume_, kRootInode, "", 0, as_of(before)).error().code,
              Code::history_gone);
    EXPECT_EQ(store().lookup(call(), volume_, at("/kept"), as_of(before)).error().code,
              Code::history_gone);
    const SnapshotQuery query{as_of(before), 0};
    EXPECT_EQ(store().snapshot(call(), volume_, query, [](SnapshotPart) {}).error().code,
              Code::history_gone);
  }
  // Of what was removed before, a store may still know that much.
  auto removed = store().attributes(call(), volume_, gone.inode, as_of(pruned));
  EXPECT_TRUE(!removed || removed->value.removed());
  EXPECT_EQ(log().front().seq, Seq{pruned.value + 1});
  Call soon = call();
  soon.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
  EXPECT_EQ(
      store().attributes(soon, volume_, kRootInode, as_of(Seq{head().value + 1})).error().code,
      Code::timed_out);
}

// [S28] The log can be asked for one session's, one call's, one person's changes.
TEST_P(StoreSuite, S28_TheLogIsAskedByWhoDidIt) {
  put("/a", "1");
  put("/b", "2");
  HistoryQuery query;
  query.principal = "outboard";
  auto mine = store().history(call(), volume_, query);
  ASSERT_TRUE(mine) << mine.error().message;
  EXPECT_EQ(mine->value.size(), 2U);
  query.principal = "nobody";
  EXPECT_TRUE(store().history(call(), volume_, query)->value.empty());
  HistoryQuery session;
  session.session = SessionId{random_uuid()};
  EXPECT_TRUE(store().history(call(), volume_, session)->value.empty());
  HistoryQuery op;
  op.op = OpId{random_uuid()};
  op.newest_first = false;
  op.node = NodeRef{"/a"};
  EXPECT_TRUE(store().history(call(), volume_, op)->value.empty());
}

// [S11] What was removed from a directory, the newest first, however often names were moved out of
// it; also of a directory that is gone.
TEST_P(StoreSuite, S11_TheLogIsAskedForWhatWasRemovedFromADirectory) {
  const Inode directory = mkdir("/d").inode;
  for (const std::string name : {"a", "b", "c"}) put("/d/" + name, name);
  const Inode b = node("/d/b")->inode;
  done(Unlink{at("/d/a")});
  done(move("/d/c", "/c"));
  done(Unlink{at("/d/b")});
  put("/d/a", "again");
  done(Unlink{at("/d/a")});
  put("/other", "x");
  done(Unlink{at("/other")});
  HistoryQuery query;
  query.removed_from = directory;
  const auto names = [&] {
    std::vector<std::string> found;
    auto history = store().history(call(), volume_, query);
    EXPECT_TRUE(history) << history.error().message;
    for (const Change& change : history->value) {
      EXPECT_EQ(change.kind, ChangeKind::unlink);
      found.push_back(change.before->name);
    }
    return found;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(names(), (Names{"a", "b", "a"}));
  query.limit = 2;
  EXPECT_EQ(names(), (Names{"a", "b"}));
  query.removed_name = "b";
  EXPECT_EQ(names(), Names{"b"});
  EXPECT_EQ(store().history(call(), volume_, query)->value.front().node.inode, b);
  auto versions = store().versions(call(), volume_, b);
  ASSERT_TRUE(versions) << versions.error().message;
  EXPECT_EQ(versions->value.size(), 1U);
  query.removed_name = "c";
  EXPECT_EQ(names(), Names{}) << "it was moved";
  query.removed_name.clear();
  query.limit = 100;
  query.before = head();
  done(RemoveDirectory{at("/d")});
  EXPECT_EQ(names(), (Names{"a", "b", "a"}));
}

// ── Restoring ────────────────────────────────────────────────────────────────────────────────────

Restore restore(Inode inode, std::uint64_t version) {
  Restore op;
  op.inode = inode;
  op.version = Version{version};
  return op;
}

// [S29] An old version becomes the newest one; its bytes do not travel, and all versions stay.
TEST_P(StoreSuite, S29_AnOldVersionBecomesTheNewest) {
  for (const std::size_t size : {std::size_t{10}, kChunkBytes * 3 + 17}) {
    const std::string path = "/f" + std::to_string(size);
    const std::string one = pattern(size, 1);
    const Node file = put(path, one);
    done(Append{NodeRef{path}, "more"});
    Write write;
    write.node = NodeRef{path};
    write.extents.push_back(Extent{3, "XYZ"});
    done(write);
    const std::string three = content(path);
    const Outcome back = done(restore(file.inode, 1));
    EXPECT_EQ(back.node.version, Version{4});
    EXPECT_EQ(back.node.digest, sha256(one));
    EXPECT_EQ(log().back().kind, ChangeKind::write);
    EXPECT_EQ(log().back().path, path);
    EXPECT_EQ(content(path), one);
    EXPECT_EQ(content(file.inode, Version{3}), three);
    EXPECT_EQ(done(restore(file.inode, 3)).node.version, Version{5});
    EXPECT_EQ(content(path), three);
    done(Append{NodeRef{path}, "!"});
    EXPECT_EQ(content(path), three + "!");
    EXPECT_EQ(done(restore(file.inode, 6)).seq, Seq{}) << "it is at that version";
    EXPECT_EQ(refused(restore(file.inode, 60)), Code::not_found);
    EXPECT_EQ(refused(restore(file.inode, 1), {false, Version{2}, {}}), Code::conflict);
  }
}

// [S29] What was removed comes back as what it was, with its history; a tree too, in one batch.
TEST_P(StoreSuite, S29_ARemovedTreeComesBackWithItsHistory) {
  const Node file = put("/d/sub/f", "one");
  const std::string big = pattern(kChunkBytes * 2, 5);
  const Node large = put("/d/large", big);
  put("/d/sub/f", "two");
  MakeSymlink symlink;
  symlink.at = at("/d/link");
  symlink.target = "sub/f";
  const Node link = done(symlink).node;
  const Node directory = *node("/d");
  const Node sub = *node("/d/sub");
  const Volume before = *store().describe(call(), volume_);
  done(RemoveDirectory{at("/d"), true});
  const auto back = [](Inode inode, std::uint64_t version, NameRef to) {
    Restore op = restore(inode, version);
    op.to = std::move(to);
    return Step{op, {true, {}, {}}};
  };
  auto applied = apply({back(directory.inode, 0, at("/d")),
                        back(sub.inode, 0, NameRef{directory.inode, "sub"}),
                        back(file.inode, 1, NameRef{sub.inode, "f"}),
                        back(large.inode, 0, NameRef{directory.inode, "large"}),
                        back(link.inode, 0, NameRef{directory.inode, "link"})});
  ASSERT_TRUE(applied) << applied.error().message;
  EXPECT_EQ(applied->outcomes[0].node.attributes.links, 3U);
  EXPECT_EQ(content("/d/sub/f"), "one");
  EXPECT_EQ(content("/d/large"), big);
  EXPECT_EQ(node("/d/link")->target, "sub/f");
  EXPECT_EQ(node("/d/sub/f")->inode, file.inode);
  EXPECT_EQ(content(file.inode, Version{2}), "two");
  const Volume after = *store().describe(call(), volume_);
  EXPECT_EQ(after.used_nodes, before.used_nodes);
  EXPECT_EQ(after.used_bytes, before.used_bytes);
  EXPECT_EQ(tree(store(), call(), volume_, as_of(after.head)), tree(store(), call(), volume_, {}));
  EXPECT_EQ(refused(back(directory.inode, 0, at("/e")).op), Code::exists);
}

// [S29] The past of a file that stands elsewhere is copied, over another file too.
TEST_P(StoreSuite, S29_ThePastOfAFileThatStandsElsewhereIsCopied) {
  for (const std::size_t size : {std::size_t{10}, kChunkBytes + 9}) {
    const std::string name = std::to_string(size);
    const std::string one = pattern(size, 2);
    const Node file = put("/a" + name, one);
    put("/a" + name, "two");
    const Node other = put("/o" + name, pattern(kChunkBytes * 2, 3));
    Restore copy = restore(file.inode, 1);
    copy.to = at("/new/deep/copy" + name);
    copy.parents = true;
    EXPECT_TRUE(done(copy).created);
    EXPECT_EQ(content("/new/deep/copy" + name), one);
    copy.to = at("/o" + name);
    EXPECT_EQ(done(copy).node.inode, other.inode);
    EXPECT_EQ(content("/o" + name), one);
    EXPECT_EQ(content(other.inode, Version{1}), pattern(kChunkBytes * 2, 3));
    EXPECT_EQ(content("/a" + name), "two");
    copy.to = at("/new");
    EXPECT_EQ(refused(copy), Code::exists);
  }
}

// ── Redaction ────────────────────────────────────────────────────────────────────────────────────

// [S30] The bytes of a redacted version are gone, its digest too; the record that it was stays.
TEST_P(StoreSuite, S30_RedactedBytesAreGoneAndTheRecordStays) {
  for (const std::size_t size : {std::size_t{10}, kChunkBytes * 2 + 5}) {
    const std::string path = "/f" + std::to_string(size);
    const std::string secret = pattern(size, 7);
    const Node file = put(path, secret);
    put(path, "harmless");
    done(Redact{file.inode, Version{1}});
    EXPECT_TRUE(log().back().redacted);
    EXPECT_EQ(content(file.inode, Version{1}), "[not_found]");
    EXPECT_EQ(content(path), "harmless");
    auto kept = store().versions(call(), volume_, file.inode);
    ASSERT_TRUE(kept);
    ASSERT_EQ(kept->value.size(), 2U);
    EXPECT_TRUE(kept->value[1].redacted);
    EXPECT_FALSE(kept->value[1].digest);
    EXPECT_FALSE(kept->value[0].redacted);
    for (const Change& change : log()) {
      if (change.node.inode == file.inode && change.node.version == Version{1}) {
        EXPECT_FALSE(change.node.digest);
      }
    }
    EXPECT_EQ(refused(restore(file.inode, 1)), Code::not_found);
    EXPECT_EQ(refused(Redact{file.inode, Version{9}}), Code::not_found);
  }
}

// [S30] Redacted whole, a file holds nothing that could be read or built upon until it is written.
TEST_P(StoreSuite, S30_NothingIsMadeFromRedactedBytes) {
  for (const std::size_t size : {std::size_t{10}, kChunkBytes * 2 + 5}) {
    const std::string path = "/f" + std::to_string(size);
    const Node file = put(path, pattern(size, 7));
    done(Append{NodeRef{path}, "tail"});
    done(Redact{file.inode, {}});
    EXPECT_EQ(content(path), "[not_found]");
    EXPECT_FALSE(node(path)->digest);
    EXPECT_FALSE(apply(Append{NodeRef{path}, "x"}));
    std::uint64_t bodies = 0;
    const SnapshotQuery query;
    ASSERT_TRUE(store().snapshot(call(), volume_, query,
                                 [&](SnapshotPart part) { bodies += part.bodies.size(); }));
    EXPECT_EQ(bodies, 0U);
    put(path, "new");
    EXPECT_EQ(content(path), "new");
    done(Unlink{at(path)});
    done(Redact{file.inode, {}});
    EXPECT_EQ(content(file.inode, Version{3}), "[not_found]");
  }
}

}  // namespace
}  // namespace outboard::tests
