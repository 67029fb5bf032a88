// For tests of plain SQL: an organisation with its two volumes, a session of SQL, and a look at
// what the log says of it.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "server/postgres/database_fixture.h"
#include "server/postgres/name_text.h"

namespace outboard::server {

inline const std::string kSkill = "---\nname: greet\ndescription: Says hello.\n---\nHello.\n";

class SqlTest : public DatabaseTest {
 protected:
  SqlTest() : memory_(volume("acme/memory")), skills_(volume("acme/skills")), sql_(connect()) {}

  void run(const std::string& text) { sql(*sql_, text); }
  std::string error(const std::string& text) { return sql_error(*sql_, text); }
  // The first value of an answer.
  std::string text(const std::string& query) { return text(*sql_, query); }
  static std::string text(Connection& connection, const std::string& query) {
    static std::deque<std::string> names;  // a connection keeps views of them
    names.push_back("text_" + std::to_string(names.size()));
    auto rows =
        connection.run({names.back(), query}, {}, std::chrono::steady_clock::now() + kTestWait);
    if (!rows) return rows.error().message;
    return rows->empty() ? "[none]" : rows->null(0, 0) ? "[null]" : rows->text(0, 0);
  }
  static std::string insert(const std::string& path, const std::string& content,
                            const std::string& view = "memory_files") {
    return "INSERT INTO outboard." + view + " (org, path, content) VALUES ('acme', '" + path +
           "', '" + content + "')";
  }
  // So many files of 1 KiB at /many/N.md.
  static std::string insert_many(int count) {
    return "INSERT INTO outboard.memory_files (org, path, content) SELECT 'acme', '/many/' || i || "
           "'.md', repeat('0123456789abcdef', 64) FROM generate_series(1, " +
           std::to_string(count) + ") i";
  }
  void refused(const std::string& statement, const std::string& part) {
    const std::string message = error(statement);
    EXPECT_NE(message.find(part), std::string::npos) << statement << "\n" << message;
  }
  Seq head(VolumeId volume) { return store().describe(call(), volume)->head; }

  // Returns when so many sessions of this database wait for a lock.
  void await_lock_waits(int count) {
    const auto looker = connect();
    const std::string query =
        "SELECT (count(*) >= " + std::to_string(count) +
        ")::text FROM pg_stat_activity WHERE datname = current_database() AND "
        "wait_event_type = 'Lock'";
    const Moment until = std::chrono::steady_clock::now() + kTestWait;
    while (text(*looker, query) != "true") ASSERT_LT(std::chrono::steady_clock::now(), until);
  }

  // Follows the whole log as a mount does, expects each change to fit what stood before it, and
  // the end to be what the store shows.
  void expect_log_tells_tree(VolumeId volume) {
    std::map<std::pair<std::uint64_t, std::string>, Inode> names;
    const auto key = [](const Dentry& d) { return std::pair(d.parent.value, d.name); };
    std::uint64_t last = 0;
    for (const Change& change : follow(store(), volume, {}, head(volume))) {
      EXPECT_EQ(change.seq.value, ++last);
      if (change.before) {
        EXPECT_EQ(names[key(*change.before)], change.node.inode) << change.path;
        names.erase(key(*change.before));
      }
      if (change.after) {
        EXPECT_TRUE(change.other || !names.contains(key(*change.after))) << change.path;
        names[key(*change.after)] = change.node.inode;
      }
    }
    std::string told;
    for (const auto& [name, inode] : names) {
      told += std::to_string(name.first) + "|" + to_text(name.second) + "=" + to_string(inode);
    }
    EXPECT_TRUE(
        text("SELECT coalesce(string_agg(parent || '|' || name || '=' || inode, '' ORDER BY "
             "parent, name), '') FROM outboard.dentries WHERE parent <> 0 AND volume = " +
             to_string(volume)) == told);
    // Nothing is left on the way, and usage is what is there.
    EXPECT_EQ(text("SELECT ((SELECT count(*) FROM outboard.noted_rows) + (SELECT count(*) FROM "
                   "outboard.staged_changes))::text"),
              "0");
    EXPECT_EQ(text("SELECT (v.used_bytes = coalesce(sum(n.size), 0) AND v.used_nodes = "
                   "count(n.inode))::text FROM outboard.volumes v LEFT JOIN outboard.inodes n ON "
                   "n.volume = v.id AND n.inode <> 1 AND n.links > 0 WHERE v.id = " +
                   to_string(volume) + " GROUP BY v.id"),
              "true");
    EXPECT_EQ(text("SELECT count(*)::text FROM outboard.versions WHERE seq IS NULL"), "0");
  }

  const VolumeId memory_;
  const VolumeId skills_;
  const std::unique_ptr<Connection> sql_;
};

}  // namespace outboard::server
