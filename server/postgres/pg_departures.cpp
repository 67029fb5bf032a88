// PgRoster's departures. Each is a row of statements of which any may be the last that happens:
// said again, it goes on. Tokens end first.
#include <algorithm>
#include <array>

#include "core/limits.h"
#include "core/log.h"
#include "core/path.h"
#include "server/postgres/administered.h"
#include "server/postgres/node_rows.h"
#include "server/postgres/pg_roster.h"

namespace outboard::server {
namespace {

constexpr Sql kPrincipal{"leave_principal",
                         "SELECT id FROM principals WHERE organisation = $1::bigint "
                         "AND name = $2::text"};
constexpr Sql kRevoke{
    "leave_revoke",
    "WITH RECURSIVE gone AS (SELECT id FROM tokens WHERE organisation = $1::bigint "
    "AND principal = $2::text UNION SELECT t.id FROM tokens t JOIN gone ON t.parent = gone.id), "
    "u AS (UPDATE tokens SET revoked = clock_timestamp() WHERE id IN (SELECT id FROM gone) "
    "AND revoked IS NULL RETURNING 1) SELECT count(*) FROM u"};
#define OUTBOARD_OWN "v.organisation = $1::bigint AND starts_with(v.name, '~' || $2::text || '/')"
constexpr Sql kOwn{"leave_own", "SELECT v.name, v.used_bytes FROM volumes v WHERE " OUTBOARD_OWN
                                " ORDER BY v.name"};
constexpr Sql kHandOver{"leave_hand_over",
                        "UPDATE volumes v SET name = '~' || $3::text || '/from-' || $2::text || "
                        "substr(v.name, length($2::text) + 2) WHERE " OUTBOARD_OWN
                        " RETURNING v.name"};
// The row goes at once, and with it every way to the volume; what it held is swept up after.
#define OUTBOARD_UNPUBLISH                                               \
  "r AS (DELETE FROM revisions WHERE volume IN (SELECT id FROM gone)), " \
  "p AS (DELETE FROM token_pins WHERE volume IN (SELECT id FROM gone)), "
constexpr Sql kDropOwn{
    "leave_drop_own",
    "WITH gone AS (SELECT v.id FROM volumes v WHERE " OUTBOARD_OWN
    "), g AS (DELETE FROM token_grants WHERE volume IN (SELECT id FROM gone)), " OUTBOARD_UNPUBLISH
    "s AS (INSERT INTO swept_volumes (volume) SELECT id FROM gone) "
    "DELETE FROM volumes WHERE id IN (SELECT id FROM gone)"};
constexpr Sql kForget{"leave_forget", "DELETE FROM principals WHERE id = $1::bigint"};

constexpr Sql kWhatGoes{
    "leave_what_goes",
    "SELECT (SELECT count(*) FROM tokens t WHERE t.organisation = o.id AND t.revoked IS NULL), "
    "(SELECT count(*) FROM principals p WHERE p.organisation = o.id), "
    "(SELECT count(*) FROM sessions s WHERE s.organisation = o.id), "
    "(SELECT coalesce(sum(v.used_bytes), 0)::bigint FROM volumes v WHERE v.organisation = o.id) "
    "FROM organisations o WHERE o.id = $1::bigint"};
constexpr Sql kVolumesOf{"leave_volumes_of",
                         "SELECT name FROM volumes WHERE organisation = $1::bigint ORDER BY name"};
constexpr Sql kSetCode{"leave_set_code",
                       "UPDATE organisations SET removal_code = $2::text, removal_until = "
                       "clock_timestamp() + $3::bigint * interval '1 second' "
                       "WHERE id = $1::bigint"};
// Said in time, the code stays good until all is gone.
constexpr Sql kTakeCode{"leave_take_code",
                        "UPDATE organisations SET removal_until = 'infinity' "
                        "WHERE id = $1::bigint AND removal_code = $2::text "
                        "AND removal_until > clock_timestamp() RETURNING id"};
constexpr Sql kRevokeAll{"leave_revoke_all",
                         "UPDATE tokens SET revoked = clock_timestamp() "
                         "WHERE organisation = $1::bigint AND revoked IS NULL"};
constexpr Sql kDropAll{
    "leave_drop_all",
    "WITH gone AS (SELECT id FROM volumes WHERE organisation = $1::bigint), "
    "g AS (DELETE FROM token_grants WHERE volume IN (SELECT id FROM gone)), " OUTBOARD_UNPUBLISH
    "s AS (INSERT INTO swept_volumes (volume) SELECT id FROM gone) "
    "DELETE FROM volumes WHERE id IN (SELECT id FROM gone)"};
// A hundred sessions at a time, with what the journal holds of them.
constexpr Sql kDropSessions{
    "leave_drop_sessions",
    "WITH gone AS (SELECT id FROM sessions WHERE organisation = $1::bigint LIMIT 100), "
    "e AS (DELETE FROM events WHERE session IN (SELECT id FROM gone)), "
    "i AS (DELETE FROM inbox WHERE session IN (SELECT id FROM gone)), "
    "c AS (DELETE FROM tool_calls WHERE session IN (SELECT id FROM gone)), "
    "b AS (DELETE FROM blob_sessions WHERE session IN (SELECT id FROM gone)) "
    "DELETE FROM sessions WHERE id IN (SELECT id FROM gone) RETURNING 1"};
constexpr Sql kDropBlobs{"leave_drop_blobs",
                         "DELETE FROM blobs WHERE id IN (SELECT id FROM blobs "
                         "WHERE organisation = $1::bigint LIMIT 1000) RETURNING 1"};
constexpr Sql kDropRest{"leave_drop_rest",
                        "WITH t AS (DELETE FROM tokens WHERE organisation = $1::bigint), "
                        "a AS (DELETE FROM grants WHERE organisation = $1::bigint), "
                        "g AS (DELETE FROM groups WHERE organisation = $1::bigint), "
                        "p AS (DELETE FROM principals WHERE organisation = $1::bigint), "
                        "w AS (DELETE FROM workers WHERE organisation = $1::bigint) "
                        "DELETE FROM organisations WHERE id = $1::bigint RETURNING 1"};

constexpr Sql kNextSwept{"sweep_next", "SELECT volume FROM swept_volumes ORDER BY since LIMIT 1"};
constexpr Sql kSwept{"sweep_done", "DELETE FROM swept_volumes WHERE volume = $1::bigint"};
#define OUTBOARD_SWEEP(table)                                                            \
  Sql {                                                                                  \
    "sweep_" table,                                                                      \
        "DELETE FROM " table                                                             \
        " WHERE volume = $1::bigint AND ctid = ANY(ARRAY("                               \
        "SELECT ctid FROM " table " WHERE volume = $1::bigint LIMIT 10000)) RETURNING 1" \
  }
constexpr std::array kSweeps{OUTBOARD_SWEEP("changes"),        OUTBOARD_SWEEP("chunks"),
                             OUTBOARD_SWEEP("versions"),       OUTBOARD_SWEEP("dentries"),
                             OUTBOARD_SWEEP("inodes"),         OUTBOARD_SWEEP("requests"),
                             OUTBOARD_SWEEP("seals"),          OUTBOARD_SWEEP("redacted_changes"),
                             OUTBOARD_SWEEP("reads"),          OUTBOARD_SWEEP("search_files"),
                             OUTBOARD_SWEEP("search_volumes"), OUTBOARD_SWEEP("former_xattrs")};

Error nobody(std::string_view name, std::string_view organisation) {
  return Error{Code::not_found,
               "there is no user or service account \"" + std::string(name) + "\" in " +
                   std::string(organisation) + ": `outboard user list` shows them",
               std::string(name)};
}

// Runs the statement until it finds nothing more.
Status drain(ConnectionPool& pool, const Call& call, const Sql& sql, std::uint64_t id) {
  for (;;) {
    auto rows = pool.run(sql, Params().int8(id), call.deadline);
    if (!rows) return rows.error();
    if (rows->empty()) return success();
  }
}

// Runs the statements one after the other.
Status run_all(ConnectionPool& pool, const Call& call, std::initializer_list<Sql> statements,
               std::uint64_t id) {
  for (const Sql& sql : statements) {
    auto rows = pool.run(sql, Params().int8(id), call.deadline);
    if (!rows) return rows.error();
  }
  return success();
}

}  // namespace

void PgRoster::sweep(const Call& call) {
  for (;;) {
    auto next = pool_.run(kNextSwept, {}, call.deadline);
    if (!next || next->empty()) return;
    const std::uint64_t volume = next->count(0, 0);
    for (const Sql& sql : kSweeps) {
      if (auto swept = drain(pool_, call, sql, volume); swept) continue;
      log(Severity::info, "a removed volume is not swept up yet; the next departure goes on",
          {{"volume", std::to_string(volume)}});
      return;
    }
    if (!pool_.run(kSwept, Params().int8(volume), call.deadline)) return;
  }
}

Result<Departure> PgRoster::remove_user(const Call& call, std::string_view organisation,
                                        std::string_view name, Fate fate, std::string_view heir) {
  auto id = administered(pool_, call, organisation);
  if (!id) return id.error();
  if (!is_text(name) || !is_text(heir)) return nobody(name, organisation);
  auto principal = pool_.run(kPrincipal, Params().int8(*id).bytes(name), call.deadline);
  if (!principal) return principal.error();
  if (principal->empty()) return nobody(name, organisation);
  if (fate == Fate::hand_over) {
    auto found = pool_.run(kPrincipal, Params().int8(*id).bytes(heir), call.deadline);
    if (!found) return found.error();
    if (found->empty() || heir == name) return nobody(heir, organisation);
  }
  Departure departure;
  departure.users = 1;
  // Until a round finds nothing new: children may be minted while it runs, but not of the revoked.
  for (;;) {
    auto revoked = pool_.run(kRevoke, Params().int8(*id).bytes(name), call.deadline);
    if (!revoked) return revoked.error();
    if (revoked->count(0, 0) == 0) break;
    departure.tokens += revoked->count(0, 0);
  }
  auto own = pool_.run(kOwn, Params().int8(*id).bytes(name), call.deadline);
  if (!own) return own.error();
  const std::string prefix = std::string(organisation) + "/";
  auto& list = fate == Fate::remove ? departure.removed : departure.kept;
  for (std::size_t row = 0; row < own->size() && fate != Fate::hand_over; ++row) {
    list.push_back(prefix + own->text(row, 0));
    if (fate == Fate::remove) departure.bytes += own->count(row, 1);
  }
  if (fate == Fate::hand_over) {
    auto moved = pool_.run(kHandOver, Params().int8(*id).bytes(name).bytes(heir), call.deadline);
    if (!moved) return moved.error();
    for (std::size_t row = 0; row < moved->size(); ++row) {
      departure.handed_over.push_back(prefix + moved->text(row, 0));
    }
  }
  if (fate == Fate::remove) {
    auto gone = pool_.run(kDropOwn, Params().int8(*id).bytes(name), call.deadline);
    if (!gone) return gone.error();
  }
  auto forgotten = pool_.run(kForget, Params().int8(principal->count(0, 0)), call.deadline);
  if (!forgotten) return forgotten.error();
  departure.done = true;
  if (fate == Fate::remove) sweep(call);
  return departure;
}

Result<Departure> PgRoster::remove_organisation(const Call& call, std::string_view name,
                                                std::string_view code) {
  if (!may_administer(call.caller) || call.caller.organisation != 0) {
    return Error{Code::no_access, "only the site's administrator removes organisations",
                 std::string(name)};
  }
  auto id = administered(pool_, call, name);
  if (!id) return id.error();
  auto counts = pool_.run(kWhatGoes, Params().int8(*id), call.deadline);
  if (!counts) return counts.error();
  auto volumes = pool_.run(kVolumesOf, Params().int8(*id), call.deadline);
  if (!volumes) return volumes.error();
  Departure departure;
  departure.tokens = counts->count(0, 0);
  departure.users = counts->count(0, 1);
  departure.sessions = counts->count(0, 2);
  departure.bytes = counts->count(0, 3);
  for (std::size_t row = 0; row < volumes->size(); ++row) {
    departure.removed.push_back(std::string(name) + "/" + volumes->text(row, 0));
  }
  if (code.empty()) {
    departure.code = random_secret(6);
    auto set = pool_.run(
        kSetCode,
        Params().int8(*id).bytes(departure.code).int8(std::int64_t{kRemovalCodeLife.count()}),
        call.deadline);
    if (!set) return set.error();
    return departure;
  }
  const Error wrong{Code::invalid,
                    "this is not the code for " + std::string(name) +
                        ", or its ten minutes are over: ask again without one",
                    std::string(name)};
  if (!is_text(code)) return wrong;
  auto good = pool_.run(kTakeCode, Params().int8(*id).bytes(code), call.deadline);
  if (!good) return good.error();
  if (good->empty()) return wrong;
  auto going = run_all(pool_, call, {kRevokeAll, kDropAll}, *id);
  if (going) going = drain(pool_, call, kDropSessions, *id);
  if (going) going = drain(pool_, call, kDropBlobs, *id);
  if (going) going = run_all(pool_, call, {kDropRest}, *id);
  if (!going) {
    Error error = going.error();
    error.message = "not all of " + std::string(name) +
                    " is gone yet; say it again with the same code to go on: " + error.message;
    return error;
  }
  departure.done = true;
  sweep(call);
  return departure;
}

}  // namespace outboard::server
