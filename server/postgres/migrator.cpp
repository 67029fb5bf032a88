#include "server/postgres/migrator.h"

#include "core/digest.h"
#include "core/log.h"

namespace outboard::server {
namespace {

// "outboard" in numbers: the advisory lock all servers of one database agree on.
constexpr std::string_view kLock = "SELECT pg_advisory_lock(8031924717)";
constexpr std::string_view kUnlock = "SELECT pg_advisory_unlock(8031924717)";
constexpr std::string_view kTable =
    "CREATE SCHEMA IF NOT EXISTS outboard; "
    "CREATE TABLE IF NOT EXISTS outboard.migrations (number integer PRIMARY KEY, "
    "name text NOT NULL, digest text NOT NULL, "
    "applied timestamptz NOT NULL DEFAULT clock_timestamp())";
// What each migration ends with. Functions are PUBLIC's to call unless that is taken back; a table
// without a policy shows nothing to anybody but its owner, should it ever be granted. [S38]
constexpr std::string_view kClose =
    "REVOKE ALL ON ALL FUNCTIONS IN SCHEMA outboard FROM PUBLIC; "
    "DO $close$ DECLARE t regclass; BEGIN "
    "FOR t IN SELECT oid FROM pg_class WHERE relnamespace = 'outboard'::regnamespace "
    "AND relkind IN ('r', 'p') AND NOT relrowsecurity LOOP "
    "EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t); END LOOP; END $close$";
constexpr Sql kEncoding{"migrate_encoding",
                        "SELECT pg_encoding_to_char(encoding)::text FROM pg_database "
                        "WHERE datname = current_database()"};
constexpr Sql kApplied{"migrate_applied",
                       "SELECT number, name, digest FROM outboard.migrations ORDER BY number"};

Status check_encoding(Connection& connection, Moment deadline) {
  auto rows = connection.run(kEncoding, {}, deadline);
  if (!rows) return rows.error();
  const std::string encoding = rows->text(0, 0);
  if (encoding == "UTF8") return success();
  return Error{Code::unsupported,
               "the database's encoding is " + encoding +
                   ", names and texts need UTF8: create it with ENCODING 'UTF8'"};
}

Status check_applied(const Rows& applied, const std::vector<Migration>& all) {
  for (std::size_t i = 0; i < applied.size(); ++i) {
    if (i >= all.size()) {
      return Error{Code::unsupported,
                   "the database's schema has migration " + applied.text(i, 1) +
                       ", this server knows only " + std::to_string(all.size()) +
                       ": start a newer server, an older one would harm the data",
                   applied.text(i, 1)};
    }
    if (to_string(sha256(all[i].sql)) != applied.text(i, 2)) {
      return Error{Code::unsupported,
                   "migration " + std::string(all[i].name) +
                       " has changed since it ran on this database: a released migration is "
                       "never edited; start the server that made it",
                   std::string(all[i].name)};
    }
  }
  return success();
}

Status apply(Connection& connection, const Migration& migration, Moment deadline) {
  const std::string digest = to_string(sha256(migration.sql));
  const std::string record = "INSERT INTO outboard.migrations (number, name, digest) VALUES (" +
                             std::to_string(migration.number) + ", '" +
                             std::string(migration.name) + "', '" + digest + "')";
  auto done = connection.execute("BEGIN; " + std::string(migration.sql) + ";\n" +
                                     std::string(kClose) + "; " + record + "; COMMIT",
                                 deadline);
  if (!done) {
    auto undone = connection.execute("ROLLBACK", deadline);
    Error error = done.error();
    error.subject = std::string(migration.name);
    error.message = "migration " + error.subject + " failed: " + error.message;
    return undone ? error : undone.error();
  }
  log(Severity::info, "schema migrated", {{"migration", std::string(migration.name)}});
  return success();
}

Status migrate_locked(Connection& connection, const std::vector<Migration>& all, Moment deadline) {
  if (auto made = connection.execute(std::string(kTable), deadline); !made) return made;
  auto applied = connection.run(kApplied, {}, deadline);
  if (!applied) return applied.error();
  if (auto good = check_applied(*applied, all); !good) return good;
  for (std::size_t i = applied->size(); i < all.size(); ++i) {
    if (auto done = apply(connection, all[i], deadline); !done) return done;
  }
  return success();
}

}  // namespace

Status migrate(Connection& connection, const std::vector<Migration>& all, Moment deadline) {
  if (auto good = check_encoding(connection, deadline); !good) return good;
  if (auto held = connection.execute(std::string(kLock), deadline); !held) return held;
  auto done = migrate_locked(connection, all, deadline);
  if (auto freed = connection.execute(std::string(kUnlock), deadline); !freed && done) return freed;
  return done;
}

}  // namespace outboard::server
