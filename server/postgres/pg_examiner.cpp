#include "server/postgres/pg_examiner.h"

#include <array>

#include "core/limits.h"

namespace outboard::server {
namespace {

constexpr int kVersionMin = 150'000;
constexpr std::int64_t kTokenLifeShort_s = 3'600;
constexpr std::int64_t kTransactionLong_s = 60;

constexpr Sql kNow{"examine_now",
                   "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000"};
constexpr Sql kToken{"examine_token",
                     "SELECT extract(epoch FROM t.expires - clock_timestamp())::bigint, "
                     "(SELECT count(*) FROM token_grants g WHERE g.token = t.id), "
                     "(SELECT count(*) FROM token_grants g WHERE g.token = t.id AND g.writable) "
                     "FROM tokens t WHERE t.id = $1::bigint"};
constexpr Sql kSettings{
    "examine_settings",
    "SELECT current_setting('server_version_num')::bigint, current_setting('server_version'), "
    "current_setting('fsync'), current_setting('full_page_writes'), "
    "current_setting('synchronous_commit'), current_setting('max_connections')::bigint, "
    "current_setting('superuser_reserved_connections')::bigint, "
    "current_setting('idle_in_transaction_session_timeout'), "
    "(SELECT coalesce(max(number), 0)::bigint FROM outboard.migrations), "
    "current_setting('synchronous_standby_names'), "
    "pg_encoding_to_char((SELECT encoding FROM pg_database WHERE datname = current_database()))"
    "::text"};
constexpr Sql kTransactions{
    "examine_transactions",
    "SELECT pg_has_role(current_user, 'pg_read_all_stats', 'usage'), a.pid::bigint, "
    "coalesce(a.usename::text, '?'), coalesce(a.application_name, ''), coalesce(a.state, '?'), "
    "extract(epoch FROM clock_timestamp() - a.xact_start)::bigint FROM (SELECT 1) AS one "
    "LEFT JOIN LATERAL (SELECT * FROM pg_stat_activity s WHERE s.datname = current_database() "
    "AND s.pid <> pg_backend_pid() AND s.xact_start IS NOT NULL "
    "AND s.backend_type = 'client backend' ORDER BY s.xact_start LIMIT 1) AS a ON true"};

std::string span(std::int64_t seconds) {
  if (seconds >= 172'800) return std::to_string(seconds / 86'400) + " days";
  if (seconds >= 7'200) return std::to_string(seconds / 3'600) + " hours";
  if (seconds >= 120) return std::to_string(seconds / 60) + " minutes";
  return std::to_string(seconds) + " s";
}

void check_durability(const Rows& rows, Diagnosis& to) {
  struct Needed {
    const char* name;
    int column;
    const char* lost;
  };
  constexpr std::array needed{
      Needed{"fsync", 2, "after a crash of the machine the whole database may be unreadable"},
      Needed{"full_page_writes", 3, "a crash of the machine may leave torn pages"},
      Needed{"synchronous_commit", 4, "a crash may lose what close() said was kept"}};
  for (const Needed& one : needed) {
    const std::string value = rows.text(0, one.column);
    const std::string found = std::string(one.name) + " is " + value;
    if (value != "off") {
      to.fine(one.name, found);
    } else {
      to.wrong(one.name, found + ": " + one.lost,
               "ALTER SYSTEM SET " + std::string(one.name) + " = on; SELECT pg_reload_conf()");
    }
  }
}

void check_connections(const Rows& rows, std::size_t wanted, Diagnosis& to) {
  const std::int64_t offered = rows.number(0, 5) - rows.number(0, 6);
  const std::string found = "this server opens up to " + std::to_string(wanted) +
                            " connections, Postgres offers " + std::to_string(offered) +
                            " to all who are no superuser";
  if (static_cast<std::int64_t>(wanted) <= offered) {
    to.fine("connections", found);
  } else {
    to.wrong("connections", found,
             "give outboard-server a smaller --connections, or a Postgres of your own more "
             "max_connections (a restart)");
  }
}

void check_versions(const Rows& rows, std::size_t migrations, Diagnosis& to) {
  const std::string version = "Postgres " + rows.text(0, 1);
  if (rows.number(0, 0) >= kVersionMin) {
    to.fine("postgres", version);
  } else {
    to.wrong("postgres", version + " is older than 15", "upgrade it with pg_upgrade");
  }
  const std::string schema = "the schema has migration " + std::to_string(rows.number(0, 8)) +
                             ", this server knows " + std::to_string(migrations);
  if (rows.count(0, 8) > migrations) {
    to.wrong("schema", schema, "a newer server has upgraded it: upgrade this server, too");
  } else {
    to.fine("schema", schema);
  }
}

}  // namespace

Result<Diagnosis> PgExaminer::examine(const Call& call) {
  Diagnosis found;
  const Timestamp before = clock_.wall();
  auto rows = pool_.run(kNow, {}, call.deadline);
  if (!rows) {
    found.wrong("database", rows.error().message,
                "look at the server's log and at Postgres' own; nothing is written until it is "
                "back, then all goes on by itself");
    return found;
  }
  found.database_time = Timestamp{rows->number(0, 0)};
  token(call, found);
  if (!is_site_administrator(call.caller)) return found;
  server_clock(before, found.database_time, found);
  settings(call, found);
  transactions(call, found);
  return found;
}

void PgExaminer::token(const Call& call, Diagnosis& to) {
  if (call.caller.token == 0) return;
  auto rows = pool_.run(kToken, Params().int8(call.caller.token), call.deadline);
  if (!rows || rows->empty()) return;
  const std::int64_t left = rows->number(0, 0);
  std::string found = "acts for " + call.caller.principal +
                      ", grants: " + std::to_string(rows->number(0, 1)) + ", " +
                      std::to_string(rows->number(0, 2)) + " of them to write" +
                      (call.caller.admin ? ", may administer" : "") + "; expires in " + span(left);
  if (rows->number(0, 1) == 0 && !call.caller.admin) {
    to.doubtful("token", found + "; it opens nothing",
                "mint one with `outboard token mint … --grant VOLUME:ro`");
  } else if (left < kTokenLifeShort_s) {
    to.doubtful("token", std::move(found), "mint a new one, or renew the mount's");
  } else {
    to.fine("token", std::move(found));
  }
}

void PgExaminer::server_clock(Timestamp before, Timestamp database, Diagnosis& to) {
  const std::int64_t off = (database.nanoseconds - before.nanoseconds) / 1'000'000;
  const std::string found = "the server's is " + std::to_string(off) + " ms off the database's";
  if (off > -kClockSkewMax.count() && off < kClockSkewMax.count()) {
    to.fine("server clock", found);
  } else {
    to.doubtful("server clock", found + "; nothing is decided by it but its log's times",
                "run an NTP client (chrony, systemd-timesyncd) on both");
  }
}

void PgExaminer::settings(const Call& call, Diagnosis& to) {
  auto rows = pool_.run(kSettings, {}, call.deadline);
  if (!rows) {
    return to.wrong("settings", "they cannot be read: " + rows.error().message,
                    "look at Postgres' log");
  }
  check_versions(*rows, migrations_, to);
  check_durability(*rows, to);
  check_connections(*rows, connections_, to);
  if (rows->text(0, 10) != "UTF8") {
    to.wrong("encoding", "the database's encoding is " + rows->text(0, 10),
             "create it anew with ENCODING 'UTF8' and restore into it");
  }
  const std::string standbys = rows->text(0, 9);
  to.fine("replication", standbys.empty()
                             ? "no synchronous standby: what is acknowledged is on one disk"
                             : "synchronous standbys: " + standbys);
  const std::string idle = rows->text(0, 7);
  if (idle == "0") {
    to.doubtful("idle transactions",
                "a transaction that somebody forgets is never ended by Postgres itself (those "
                "that edit files through the views are, after 60 s)",
                "ALTER DATABASE … SET idle_in_transaction_session_timeout = '5min'");
  } else {
    to.fine("idle transactions", "ended after " + idle);
  }
}

void PgExaminer::transactions(const Call& call, Diagnosis& to) {
  auto rows = pool_.run(kTransactions, {}, call.deadline);
  if (!rows) return;
  if (!rows->flag(0, 0)) {
    return to.doubtful("transactions", "this server may not see how long others' have been open",
                       "GRANT pg_read_all_stats TO its role");
  }
  if (rows->null(0, 1) || rows->number(0, 5) < kTransactionLong_s) {
    return to.fine("transactions", "none has been open for long");
  }
  const std::string pid = std::to_string(rows->number(0, 1));
  to.doubtful("transactions",
              "process " + pid + " (" + rows->text(0, 2) + ", \"" + rows->text(0, 3) + "\", " +
                  rows->text(0, 4) + ") has had one open for " + span(rows->number(0, 5)) +
                  ": it may hold rows that others want to write, and keeps Postgres from cleaning",
              "end it there, or SELECT pg_terminate_backend(" + pid + ")");
}

}  // namespace outboard::server
