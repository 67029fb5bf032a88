// The past must cost nobody anything: what is looked at for a part of it, and for a write upon it.
#include <gtest/gtest.h>

#include "core/limits.h"
#include "server/postgres/database_fixture.h"

namespace outboard::server {
namespace {

class PgPastTest : public DatabaseTest {
 protected:
  PgPastTest() : memory_(volume("acme/memory")) {}

  Seq write(const std::string& path) {
    auto applied = store().apply(call(), memory_, put(path, path));
    EXPECT_TRUE(applied) << applied.error().message;
    return applied ? applied->last : Seq{};
  }
  // The names of the part's entries, the root's being empty.
  static std::vector<std::string> names(Store& store, VolumeId volume, const SnapshotQuery& query) {
    std::vector<std::string> all;
    auto seq = store.snapshot(call(), volume, query, [&](const SnapshotPart& part) {
      for (const Entry& entry : part.entries) all.push_back(entry.dentry.name);
    });
    EXPECT_TRUE(seq) << seq.error().message;
    return all;
  }
  // How many directories' names a server of its own read for a snapshot. Postgres tells what a
  // connection called once that has been closed.
  std::int64_t directories_read(const SnapshotQuery& query) {
    auto watcher = connect();
    sql(*watcher, "SELECT pg_stat_reset()");
    {
      const auto server = open();
      names(server->store(), memory_, query);
    }
    for (int tries = 0; tries < 1'000; ++tries) {
      auto rows = watcher->run({"past_test_calls",
                                "SELECT coalesce(sum(calls), 0)::bigint, "
                                "pg_stat_clear_snapshot() IS NULL, pg_sleep(0.01) IS NULL FROM "
                                "pg_stat_user_functions WHERE funcname = 'entries_at'"},
                               {}, std::chrono::steady_clock::now() + kTestWait);
      EXPECT_TRUE(rows) << rows.error().message;
      if (rows && rows->number(0, 0) > 0) return rows->number(0, 0);
    }
    ADD_FAILURE() << "Postgres counted nothing";
    return 0;
  }

  const VolumeId memory_;
};

// [S28] What a snapshot of a part looks at grows with the part, not with the volume.
TEST_F(PgPastTest, S28_ThePastOfAPartIsReadWithoutTheRest) {
  write("/team/deep/a");
  for (int i = 0; i < 40; ++i) write("/rest/d" + std::to_string(i) + "/f");
  const Seq then = write("/team/b");
  write("/later/c");
  auto connection = connect();
  sql(*connection,
      "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET track_functions = ''all''', "
      "current_database()); END $$");
  SnapshotQuery whole;
  whole.at.as_of = then;
  SnapshotQuery part = whole;
  part.within = {"/gone", "/rest/d7/f", "/team"};
  EXPECT_EQ(directories_read(whole), 44) << "the root, three, and forty";
  EXPECT_EQ(directories_read(part), 2) << "/team and /team/deep";
  const std::vector<std::string> wanted{"", "rest", "team", "d7", "f", "b", "deep", "a"};
  EXPECT_EQ(names(store(), memory_, part), wanted);
}

// [S28] An attribute that is set all the time is found as it was without all that it has been
// since; and a change of one writes down that one, however many its node has.
TEST_F(PgPastTest, S28_AFormerAttributeIsFoundWithoutWhatCameAfterIt) {
  write("/f");
  const Inode file = store().attributes(call(), memory_, "/f", {})->value.inode;
  const auto set = [&](const std::string& name, std::string value) {
    const SetXattr op{file, name, std::move(value)};
    auto applied = store().apply(call(), memory_, Batch{{}, 0, {Step{op, {}}}});
    EXPECT_TRUE(applied) << applied.error().message;
    return applied ? applied->last : Seq{};
  };
  set("user.large", std::string(60'000, 'x'));
  ReadAt then;
  then.as_of = set("user.hot", "0");
  for (int i = 1; i <= 500; ++i) set("user.hot", std::to_string(i));
  const auto read = rows_read({"former_xattrs"}, [&](Store& store) {
    auto xattrs = store.xattrs(call(), memory_, file, then);
    ASSERT_TRUE(xattrs) << xattrs.error().message;
    EXPECT_EQ(xattrs->value.at("user.hot"), "0");
  });
  EXPECT_LE(read, 6);
  EXPECT_EQ(sql_error(*connect(),
                      "DO $$ BEGIN IF (SELECT sum(length(value)) FROM "
                      "outboard.former_xattrs) > 2000 THEN RAISE 'large'; END IF; "
                      "END $$"),
            "no error");
}

// [S28] A server that is older than the table writes down nothing: that is said, and not guessed.
TEST_F(PgPastTest, S28_WhatAnOlderServerChangedIsNotGuessed) {
  write("/f");
  const SetXattr op{NodeRef{"/f"}, "user.a", "one"};
  auto applied = store().apply(call(), memory_, Batch{{}, 0, {Step{op, {}}}});
  ASSERT_TRUE(applied);
  const Inode file = applied->outcomes.front().node.inode;
  ReadAt then;
  then.as_of = applied->last;
  ASSERT_TRUE(store().xattrs(call(), memory_, file, then));
  auto connection = connect();
  sql(*connection,
      "BEGIN; CREATE TEMP TABLE c AS SELECT * FROM outboard.changes WHERE kind = 7; "
      "UPDATE c SET seq = seq + 1; INSERT INTO outboard.changes SELECT * FROM c; "
      "UPDATE outboard.volumes SET head_seq = head_seq + 1; COMMIT");
  auto read = store().xattrs(call(), memory_, file, then);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::history_gone);
  then.as_of = Seq{then.as_of->value + 1};
  EXPECT_TRUE(store().xattrs(call(), memory_, file, then));
}

// [S16] A hot file has a million versions, a directory as many names: a write looks at what it
// names alone, also before Postgres has learned how many there are; and so do reads.
TEST_F(PgPastTest, S16_AWriteLooksAtWhatItNamesAlone) {
  for (int i = 0; i < 500; ++i) write("/d/hot");
  for (int i = 0; i < 500; ++i) write("/d/" + std::to_string(i));
  const auto read = rows_read({"versions", "inodes", "dentries"}, [&](Store& store) {
    auto applied = store.apply(call(), memory_,
                               Batch{{}, 0, {Step{Append{.node = "/d/hot", .bytes = "more"}, {}}}});
    ASSERT_TRUE(applied) << applied.error().message;
    EXPECT_TRUE(store.apply(call(), memory_, put("/d/hot.new", "new")));
    const Inode inode = applied->outcomes.front().node.inode;
    EXPECT_TRUE(store.read(call(), memory_, inode, {}, 0, kReadBytesMax));
    EXPECT_TRUE(store.read_many(call(), memory_, {{inode, {}}}));
  });
  EXPECT_LT(read, 100);
}

// [S16] The same of a snapshot, which brings the newest body.
TEST_F(PgPastTest, S16_ASnapshotLooksAtTheNewestVersionsAlone) {
  for (int i = 0; i < 500; ++i) write("/hot");
  const auto read = rows_read(
      {"versions"}, [&](Store& store) { EXPECT_EQ(names(store, memory_, {}).size(), 2U); });
  EXPECT_LT(read, 50);
}

// [S28] Where a file stood is asked of the names that it lost: not of its other changes, nor of the
// names that others lost.
TEST_F(PgPastTest, S28_WhereAHotFileStoodIsAskedOfTheNamesItLost) {
  const Seq then = write("/a");
  const auto node = store().attributes(call(), memory_, NodeRef{"/a"});
  ASSERT_TRUE(node);
  for (int i = 0; i < 300; ++i) write("/a");
  for (int i = 0; i < 300; ++i) {
    const std::string name = "other" + std::to_string(i);
    write("/" + name);
    const Unlink gone{NameRef{kRootInode, name}};
    ASSERT_TRUE(store().apply(call(), memory_, Batch{{}, 0, {Step{gone, {}}}}));
  }
  Rename rename;
  rename.from = NameRef{kRootInode, "a"};
  rename.to = NameRef{kRootInode, "b"};
  ASSERT_TRUE(store().apply(call(), memory_, Batch{{}, 0, {Step{rename, {}}}}));
  const auto read = rows_read({"changes"}, [&](Store& store) {
    const auto stood = store.paths(call(), memory_, {node->value.inode}, ReadAt{{}, {}, then});
    ASSERT_TRUE(stood) << stood.error().message;
    EXPECT_EQ(stood->value.front(), std::vector<std::string>{"/a"});
  });
  EXPECT_LT(read, 50);
}

}  // namespace
}  // namespace outboard::server
