// For tests of this room: a fresh database with an organisation, and the words to write and follow.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/path.h"
#include "server/postgres/connection.h"
#include "server/postgres/database.h"
#include "tests/support/migrated_database.h"

namespace outboard::server {

inline constexpr std::chrono::seconds kTestWait{60};

class DatabaseTest : public ::testing::Test {
 protected:
  DatabaseTest() : url_(tests::migrated_database()), database_(open()) {
    auto made = admin().create_organisation(call(), "acme");
    EXPECT_TRUE(made) << made.error().message;
  }

  std::unique_ptr<Database> open() {
    auto opened = Database::open({.url = url_});
    EXPECT_TRUE(opened) << opened.error().message;
    return *std::move(opened);
  }
  std::unique_ptr<Connection> connect() {
    auto opened = Connection::open(url_, std::chrono::steady_clock::now() + kTestWait);
    EXPECT_TRUE(opened) << opened.error().message;
    return *std::move(opened);
  }
  // Runs SQL that must succeed.
  void sql(Connection& connection, const std::string& text) {
    auto done = connection.execute(text, std::chrono::steady_clock::now() + kTestWait);
    ASSERT_TRUE(done) << text << ": " << done.error().message;
  }
  // Runs SQL that must fail; what Postgres says.
  std::string sql_error(Connection& connection, const std::string& text) {
    auto done = connection.execute(text, std::chrono::steady_clock::now() + kTestWait);
    return done ? "no error" : done.error().message;
  }

  static Call call() { return internal_call(std::chrono::steady_clock::now() + kTestWait); }
  Store& store() { return database_->store(); }
  Admin& admin() { return database_->admin(); }

  VolumeId volume(const std::string& name, const VolumeSettings& settings = {}) {
    auto made = admin().create_volume(call(), name, settings);
    EXPECT_TRUE(made) << made.error().message;
    return made->id;
  }
  static Batch put(const std::string& path, std::string bytes) {
    const auto [parent, name] = split_last(path);
    Publish publish;
    publish.at = NameRef{std::string(parent), std::string(name)};
    publish.bytes = std::move(bytes);
    publish.parents = true;
    return Batch{{}, 0, {Step{publish, {}}}};
  }
  std::string content(VolumeId volume, const std::string& path) {
    auto node = store().attributes(call(), volume, path, {});
    if (!node) return "[" + std::string(name_of(node.error().code)) + "]";
    auto read = store().read(call(), volume, node->value.inode, {}, 0, kReadBytesMax);
    return read ? read->value.bytes : "[" + std::string(name_of(read.error().code)) + "]";
  }

  // Changes from `after` on, until `upto` has come. Who reads too slowly is cut and goes on behind
  // what came, as a mount does.
  std::vector<Change> follow(Store& from, VolumeId volume, Seq after, Seq upto) {
    std::vector<Change> changes;
    const Moment until = std::chrono::steady_clock::now() + kTestWait;
    while (after < upto) {
      auto queue = std::make_shared<FeedQueue>();
      auto subscription = from.subscribe(call(), volume, after, queue);
      EXPECT_TRUE(subscription) << subscription.error().message;
      std::optional<FeedEnd> end;
      while (after < upto && !end) {
        const auto item = queue->next(until);
        if (!item) break;
        changes.insert(changes.end(), item->changes.begin(), item->changes.end());
        after = item->upto;
        end = item->end;
      }
      if (after < upto && end != FeedEnd::too_slow) {
        ADD_FAILURE() << "the feed ended before seq " << upto.value;
        break;
      }
    }
    return changes;
  }

  // How many rows of the tables a server of its own looks at for `work`.
  std::int64_t rows_read(const std::vector<std::string>& tables,
                         const std::function<void(Store&)>& work) {
    Column names(Column::Type::text);
    for (const std::string& table : tables) names.add_bytes(table);
    auto watcher = connect();
    sql(*watcher, "SELECT pg_stat_reset()");
    {
      const auto server = open();
      work(server->store());
    }
    for (int tries = 0; tries < 1'000; ++tries) {
      auto rows = watcher->run({"fixture_rows_read",
                                "SELECT sum(seq_tup_read + idx_tup_fetch)::bigint, "
                                "pg_stat_clear_snapshot() IS NULL, pg_sleep(0.01) IS NULL "
                                "FROM pg_stat_user_tables WHERE relname = ANY($1::text[])"},
                               Params().array(names), std::chrono::steady_clock::now() + kTestWait);
      EXPECT_TRUE(rows) << rows.error().message;
      if (rows && rows->number(0, 0) > 0) return rows->number(0, 0);
    }
    ADD_FAILURE() << "Postgres counted nothing";
    return 0;
  }

  const std::string url_;
  std::unique_ptr<Database> database_;
};

}  // namespace outboard::server
