// [S31] Retention over a real Postgres: what goes, what stays, and who goes on meanwhile.
#include "server/postgres/collector.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "core/limits.h"
#include "server/postgres/database_fixture.h"

namespace outboard::server {
namespace {

class CollectorTest : public DatabaseTest {
 protected:
  // Everything that has happened so far happened `hours` earlier.
  void age(int hours) {
    auto connection = connect();
    const std::string by = std::to_string(hours) + " * 3600000000000";
    sql(*connection, "UPDATE outboard.changes SET at = at - " + by);
    sql(*connection, "UPDATE outboard.versions SET at = at - " + by);
  }
  Applied apply(VolumeId volume, const Batch& batch) {
    auto applied = store().apply(call(), volume, batch);
    EXPECT_TRUE(applied) << applied.error().message;
    return applied ? *applied : Applied{};
  }
  Collected collect(const std::string& name) {
    auto collected = admin().collect(call(), name);
    EXPECT_TRUE(collected) << collected.error().message;
    return collected ? *collected : Collected{};
  }
  // What is stored of versions that are not current, counted by hand.
  std::int64_t history_bytes(VolumeId volume) {
    auto connection = connect();
    auto rows = connection->run(
        {"collector_test_bytes",
         "SELECT ((SELECT coalesce(sum(length(x.data)), 0) FROM versions x JOIN inodes n USING "
         "(volume, inode) WHERE x.volume = $1::bigint AND (n.links = 0 OR x.version <> n.version)) "
         "+ (SELECT coalesce(sum(length(c.data)), 0) FROM chunks c JOIN inodes n USING (volume, "
         "inode) WHERE c.volume = $1::bigint AND (n.links = 0 OR c.to_version IS NOT NULL)))"
         "::bigint"},
        Params().int8(volume.value), std::chrono::steady_clock::now() + kTestWait);
    EXPECT_TRUE(rows) << rows.error().message;
    return rows ? rows->number(0, 0) : -1;
  }
  std::size_t versions(VolumeId volume, Inode inode) {
    auto kept = store().versions(call(), volume, inode);
    return kept ? kept->value.size() : 0;
  }
  std::vector<Entry> tree(VolumeId volume, std::optional<Seq> as_of) {
    std::vector<Entry> all;
    SnapshotQuery query;
    query.at.as_of = as_of;
    auto seq = store().snapshot(call(), volume, query, [&](SnapshotPart part) {
      all.insert(all.end(), part.entries.begin(), part.entries.end());
    });
    EXPECT_TRUE(seq) << seq.error().message;
    std::sort(all.begin(), all.end(),
              [](const Entry& a, const Entry& b) { return a.dentry < b.dentry; });
    return all;
  }
};

TEST_F(CollectorTest, S31_AgeTakesTheLogAndWhatItSuperseded) {
  const VolumeId memory = volume("acme/memory", {.retention = {50, 24 * 3600, 0}});
  const Inode file = apply(memory, put("/d/f", "one")).outcomes[0].node.inode;
  apply(memory, put("/d/f", "two"));
  const Inode gone =
      apply(memory, put("/d/gone", std::string(kChunkBytes * 2, 'g'))).outcomes[0].node.inode;
  apply(memory, Batch{{}, 0, {Step{Unlink{NameRef{std::string("/d"), "gone"}}, {}}}});
  const Seq old = store().describe(call(), memory)->head;
  age(25);
  apply(memory, put("/d/f", "three"));
  apply(memory, put("/d/new", "new"));
  const std::vector<Entry> then = tree(memory, old);
  const Collected went = collect("acme/memory");
  EXPECT_EQ(went.pruned, old);
  EXPECT_EQ(went.versions, 2U) << "one, and all of the removed file";
  EXPECT_EQ(went.bytes, 3 + kChunkBytes * 2);
  EXPECT_EQ(went.changes, 2U) << "but not the last word of a node, nor of a directory's times";
  // What was current then is still there, as is its tree.
  EXPECT_TRUE(tree(memory, old) == then);
  EXPECT_EQ(store().read(call(), memory, file, Version{2}, 0, 10)->value.bytes, "two");
  EXPECT_FALSE(store().read(call(), memory, file, Version{1}, 0, 10));
  EXPECT_FALSE(store().attributes(call(), memory, gone, {}));
  ReadAt before;
  before.as_of = Seq{old.value - 1};
  EXPECT_EQ(store().attributes(call(), memory, kRootInode, before).error().code,
            Code::history_gone);
  auto queue = std::make_shared<FeedQueue>();
  EXPECT_EQ(store().subscribe(call(), memory, Seq{1}, queue).error().code, Code::history_gone);
  EXPECT_EQ(collect("acme/memory").changes, 0U) << "there is nothing more to take";
  EXPECT_EQ(content(memory, "/d/f"), "three");
}

// What attributes were goes with the log, and by bytes as the oldest of what is not current.
TEST_F(CollectorTest, S31_FormerAttributesAreHistoryAsVersionsAre) {
  const VolumeId memory = volume("acme/memory", {.retention = {0, 0, 250}});
  const Inode file = apply(memory, put("/f", std::string(100, 'f'))).outcomes[0].node.inode;
  const auto set = [&](char value) {
    const SetXattr op{file, "user.a", std::string(100, value)};
    return apply(memory, Batch{{}, 0, {Step{op, {}}}}).last;
  };
  const auto was = [&](Seq seq) {
    ReadAt at;
    at.as_of = seq;
    auto read = store().xattrs(call(), memory, file, at);
    return read ? read->value["user.a"].substr(0, 1) : std::string(name_of(read.error().code));
  };
  const Seq first = set('1');
  const Seq second = set('2');
  apply(memory, put("/f", "new"));
  const Seq third = set('3');
  set('4');  // of 1, 2, the file and 3 a hundred bytes each are not current
  age(2);
  EXPECT_EQ(collect("acme/memory").bytes, 200U) << "1 and 2, which were superseded first";
  EXPECT_EQ(was(first), "history_gone");
  EXPECT_EQ(was(second), "2") << "the file's version went, which was superseded before 2";
  EXPECT_EQ(was(third), "3");
  EXPECT_EQ(versions(memory, file), 1U);
  EXPECT_EQ(store().describe(call(), memory)->pruned, Seq{}) << "the log stays";
  EXPECT_EQ(collect("acme/memory").bytes, 0U);
  ASSERT_TRUE(admin().change_volume(call(), "acme/memory", {.retention = {0, 3600, 0}}));
  EXPECT_EQ(collect("acme/memory").bytes, 200U);
  EXPECT_EQ(was(third), "history_gone");
  EXPECT_EQ(was(store().describe(call(), memory)->head), "4");
  EXPECT_NE(sql_error(*connect(),
                      "DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM "
                      "outboard.former_xattrs) THEN RAISE 'none'; END IF; END $$")
                .find("none"),
            std::string::npos);
}

// It has decided that the file goes, and then the file is back.
TEST_F(CollectorTest, S31_WhatIsBroughtBackMeanwhileStaysWhole) {
  const VolumeId memory = volume("acme/memory", {.retention = {50, 24 * 3600, 0}});
  const Inode file = apply(memory, put("/f", "mine")).outcomes[0].node.inode;
  apply(memory, Batch{{}, 0, {Step{Unlink{NameRef{std::string("/"), "f"}}, {}}}});
  age(25);
  auto restorer = connect();
  sql(*restorer, "BEGIN");
  sql(*restorer, "UPDATE outboard.inodes SET links = 1 WHERE volume = " + to_string(memory) +
                     " AND inode = " + to_string(file));
  std::thread collector([this] { collect("acme/memory"); });
  auto watcher = connect();
  sql(*watcher,
      "DO $$ BEGIN FOR i IN 1 .. 500 LOOP "
      "IF EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() "
      "AND wait_event_type = 'Lock') THEN RETURN; END IF; PERFORM pg_stat_clear_snapshot(); "
      "PERFORM pg_sleep(0.01); END LOOP; RAISE 'the collector did not wait'; END $$");
  sql(*restorer, "COMMIT");
  collector.join();
  EXPECT_EQ(versions(memory, file), 1U);
}

TEST_F(CollectorTest, S31_TheNumberOfVersionsIsKeptAndNothingYoungIsTaken) {
  const VolumeId memory = volume("acme/memory", {.retention = {3, 0, 0}});
  Inode file;
  for (int i = 0; i < 8; ++i) {
    file = apply(memory, put("/f", std::to_string(i))).outcomes[0].node.inode;
  }
  const Inode large =
      apply(memory, put("/large", std::string(kChunkBytes + 1, 'a'))).outcomes[0].node.inode;
  for (int i = 0; i < 6; ++i) {
    apply(memory, Batch{{}, 0, {Step{Append{large, std::to_string(i)}, {}}}});
  }
  EXPECT_EQ(collect("acme/memory").versions, 0U) << "nothing younger than an hour is taken";
  age(2);
  EXPECT_EQ(collect("acme/memory").versions, 5U + 4U);
  EXPECT_EQ(versions(memory, file), 3U);
  EXPECT_EQ(versions(memory, large), 3U);
  for (const std::uint64_t version : {5U, 6U, 7U}) {
    auto read = store().read(call(), memory, large, Version{version}, kChunkBytes, 100);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->value.bytes, "a" + std::string("012345").substr(0, version - 1));
  }
  EXPECT_EQ(store().describe(call(), memory)->pruned, Seq{}) << "the log stays";
}

TEST_F(CollectorTest, S31_BytesAreKeptToTheLimitAndTheOldestGoFirst) {
  const VolumeId memory = volume("acme/memory", {.retention = {0, 0, 1'000}});
  const auto write = [&](const std::string& path, std::size_t size) {
    return apply(memory, put(path, std::string(size, 'x'))).outcomes[0].node.inode;
  };
  const auto unlink = [&](const std::string& name) {
    apply(memory, Batch{{}, 0, {Step{Unlink{NameRef{std::string("/"), name}}, {}}}});
  };
  const Inode a = write("/a", 300);
  const Inode b = write("/b", 300);
  const Inode gone = write("/gone", 200);
  write("/b", 5'000);  // b's 300 were superseded before a's
  write("/a", 300);
  unlink("gone");
  write("/a", 400);
  write("/a", 10);
  // 300 of b, 300 of a, 200 of what is gone, 300 and 400 of a.
  EXPECT_EQ(collect("acme/memory").versions, 0U) << "nothing younger than an hour is taken";
  age(2);
  const Collected went = collect("acme/memory");
  EXPECT_EQ(went.versions, 2U) << "with one of them there would be 1,200";
  EXPECT_EQ(went.bytes, 600U);
  EXPECT_EQ(versions(memory, a), 3U);
  EXPECT_EQ(versions(memory, b), 1U);
  EXPECT_EQ(versions(memory, gone), 1U);
  EXPECT_EQ(store().describe(call(), memory)->pruned, Seq{}) << "the log stays";
  EXPECT_EQ(collect("acme/memory").versions, 0U);
  // 410 more: what is gone, and 300 of a.
  write("/a", 1);
  write("/b", 7);
  unlink("a");
  age(2);
  EXPECT_EQ(history_bytes(memory), 200 + 300 + 400 + 10 + 1 + 5'000);
  EXPECT_EQ(collect("acme/memory").versions, 5U) << "b's 5,000 alone are too many";
  EXPECT_EQ(history_bytes(memory), 1) << "of a, whose removal came last";
  EXPECT_EQ(content(memory, "/b"), std::string(7, 'x'));
}

TEST_F(CollectorTest, S31_BytesCountThePiecesOfLargeFilesAsTheyAreStored) {
  const VolumeId memory = volume("acme/memory", {.retention = {0, 0, kChunkBytes * 3}});
  const Inode file =
      apply(memory, put("/f", std::string(kChunkBytes * 4, '0'))).outcomes[0].node.inode;
  std::string now(kChunkBytes * 4, '0');
  for (std::size_t i = 1; i < 7; ++i) {
    Write write;
    write.node = file;
    write.base = Version{i};
    write.extents.push_back(
        {(i % 4) * kChunkBytes, std::string(kChunkBytes, static_cast<char>('0' + i))});
    apply(memory, Batch{{}, 0, {Step{write, {}}}});
    now.replace((i % 4) * kChunkBytes, kChunkBytes, kChunkBytes, static_cast<char>('0' + i));
  }
  age(2);
  EXPECT_EQ(history_bytes(memory), std::int64_t{kChunkBytes * 6})
      << "each change retired one piece";
  EXPECT_EQ(collect("acme/memory").bytes, kChunkBytes * 3);
  EXPECT_EQ(history_bytes(memory), std::int64_t{kChunkBytes * 3});
  EXPECT_EQ(versions(memory, file), 4U);
  EXPECT_EQ(content(memory, "/f"), now);
  auto old = store().read(call(), memory, file, Version{4}, kChunkBytes, kChunkBytes);
  ASSERT_TRUE(old) << old.error().message;
  EXPECT_EQ(old->value.bytes, std::string(kChunkBytes, '1'));
}

TEST_F(CollectorTest, S31_AnotherLimitIsCountedAnewAndWhatWentDoesNotComeBack) {
  VolumeSettings settings{.retention = {0, 0, 1'000}};
  const VolumeId memory = volume("acme/memory", settings);
  const Inode file = apply(memory, put("/f", std::string(300, 'x'))).outcomes[0].node.inode;
  const Version removed = store().attributes(call(), memory, file, {})->value.version;
  apply(memory, Batch{{}, 0, {Step{Unlink{NameRef{std::string("/"), "f"}}, {}}}});
  age(2);
  EXPECT_EQ(collect("acme/memory").versions, 0U);
  settings.retention.bytes = 299;
  ASSERT_TRUE(admin().change_volume(call(), "acme/memory", settings));
  EXPECT_EQ(collect("acme/memory").versions, 1U);
  Restore restore;
  restore.inode = file;
  restore.version = removed;
  restore.to = NameRef{std::string("/"), "f"};
  auto back = store().apply(call(), memory, Batch{{}, 0, {Step{restore, {}}}});
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().code, Code::not_found) << back.error().message;
}

// More than a step takes, with what a revision needs among it.
TEST_F(CollectorTest, S31_WhatARevisionShowsIsKeptWhateverItsBytes) {
  VolumeSettings settings{.retention = {0, 0, 50}};
  settings.mode = VolumeMode::reviewed;
  settings.skill_lint = Strictness::off;
  const VolumeId skills = volume("acme/notes", settings);
  const auto rewrite = [&] {
    for (int i = 0; i < 30; ++i) {
      Batch batch;
      for (int k = 0; k < 100; ++k) {
        batch.steps.push_back(put("/d/f" + std::to_string(k), std::to_string(i % 10)).steps[0]);
      }
      apply(skills, batch);
    }
  };
  rewrite();
  ASSERT_TRUE(database_->revisions().publish(call(), skills, 0, {"first", ""}));
  const Seq published = store().describe(call(), skills)->head;
  rewrite();
  age(2);
  const std::vector<Entry> then = tree(skills, published);
  EXPECT_EQ(collect("acme/notes").versions, 2'900U) << "all but what the revision shows";
  EXPECT_TRUE(tree(skills, published) == then);
  for (const Entry& entry : then) {
    if (!entry.node.is(Kind::file)) continue;
    EXPECT_TRUE(store().read(call(), skills, entry.node.inode, entry.node.version, 0, 10));
  }
}

TEST_F(CollectorTest, S31_WritersGoOnWhileItCollects) {
  const VolumeId memory = volume("acme/memory", {.retention = {0, 3600, 0}});
  for (int i = 0; i < 60; ++i) {
    Batch batch;
    for (int k = 0; k < 100; ++k) {
      Batch one = put("/d" + std::to_string(k % 10) + "/f" + std::to_string(k), std::to_string(i));
      batch.steps.push_back(one.steps[0]);
    }
    apply(memory, batch);
  }
  age(3);
  const Seq old = store().describe(call(), memory)->head;
  apply(memory, put("/busy", "0"));
  const std::vector<Entry> then = tree(memory, old);
  std::atomic<bool> done{false};
  std::atomic<int> written{0};
  std::thread writer([&] {
    while (!done) {
      apply(memory, put("/busy", std::to_string(written.load())));
      ++written;
    }
  });
  const Collected went = collect("acme/memory");
  done = true;
  writer.join();
  EXPECT_EQ(went.pruned, old);
  EXPECT_EQ(went.versions, 5'900U);
  EXPECT_GT(written, 3);
  EXPECT_TRUE(tree(memory, old) == then);
  EXPECT_EQ(content(memory, "/busy"), std::to_string(written - 1));
}

TEST_F(CollectorTest, OfTwoOneCollects) {
  const VolumeId memory = volume("acme/memory", {.retention = {1, 0, 0}});
  auto other = connect();
  sql(*other, "BEGIN");
  sql(*other, "SELECT pg_advisory_xact_lock(7305808869231650000 + " + to_string(memory) + ")");
  EXPECT_EQ(admin().collect(call(), "acme/memory").error().code, Code::unavailable);
  sql(*other, "ROLLBACK");
  EXPECT_TRUE(admin().collect(call(), "acme/memory"));
}

}  // namespace
}  // namespace outboard::server
