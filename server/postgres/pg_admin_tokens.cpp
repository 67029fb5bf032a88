// PgAdmin's tokens: minted narrower than their parent, revoked with all that came of them.
#include <algorithm>

#include "core/limits.h"
#include "server/postgres/node_rows.h"
#include "server/postgres/pg_admin.h"

namespace outboard::server {
namespace {

#define OUTBOARD_NANOS(column) "(extract(epoch FROM " column ") * 1000000)::bigint * 1000"

constexpr Sql kPrincipal{"tokens_principal",
                         "SELECT 1 FROM principals WHERE organisation = $1::bigint "
                         "AND name = $2::text"};
constexpr Sql kVolume{"tokens_volume",
                      "SELECT v.id FROM volumes v JOIN organisations o ON o.id = v.organisation "
                      "WHERE o.id = $1::bigint AND o.name || '/' || v.name = $2::text"};
// Never longer than the parent lives. A session's fence only rises; where a journal keeps the
// session, its epoch is the journal's: a token has the current one, or none.
constexpr Sql kInsert{
    "tokens_insert",
    "WITH s AS (INSERT INTO sessions (id, organisation, epoch, generation) "
    "SELECT $7::uuid, $2::bigint, $8::bigint, $9::bigint WHERE $7::uuid IS NOT NULL "
    "ON CONFLICT (id) DO UPDATE SET epoch = greatest(sessions.epoch, excluded.epoch), "
    "generation = greatest(sessions.generation, excluded.generation) "
    "WHERE sessions.organisation = excluded.organisation AND (sessions.state IS NULL "
    "OR (excluded.epoch IN (0, sessions.epoch) "
    "AND (excluded.generation = 0 OR sessions.generation <= excluded.generation))) "
    "RETURNING id), "
    "t AS (INSERT INTO tokens (digest, organisation, principal, parent, admin, expires, session, "
    "epoch, generation) SELECT $1::bytea, nullif($2::bigint, 0), $3::text, "
    "nullif($4::bigint, 0), $5::boolean, least(clock_timestamp() + $6::bigint * "
    "interval '1 second', (SELECT expires FROM tokens WHERE id = $4::bigint)), $7::uuid, "
    "$8::bigint, $9::bigint WHERE $7::uuid IS NULL OR EXISTS (SELECT 1 FROM s) "
    "RETURNING id, created, expires), "
    "g AS (INSERT INTO token_grants (token, volume, prefix, writable) "
    "SELECT t.id, nullif(a.volume, 0), a.prefix, a.writable FROM t, "
    "unnest($10::bigint[], $11::text[], $12::boolean[]) AS a(volume, prefix, writable)) "
    "SELECT id, " OUTBOARD_NANOS("created") ", " OUTBOARD_NANOS("expires") " FROM t"};
constexpr Sql kRevoke{
    "tokens_revoke",
    "WITH RECURSIVE gone AS (SELECT id FROM tokens WHERE id = $1::bigint "
    "AND ($2::bigint = 0 OR organisation = $2::bigint) "
    "UNION SELECT t.id FROM tokens t JOIN gone ON t.parent = gone.id), "
    "u AS (UPDATE tokens SET revoked = clock_timestamp() WHERE id IN (SELECT id FROM gone) "
    "AND revoked IS NULL) SELECT count(*) FROM gone"};
constexpr Sql kTokens{
    "tokens_list",
    "SELECT t.id, t.principal, t.admin, " OUTBOARD_NANOS("t.created") ", "
    OUTBOARD_NANOS("t.expires") ", t.revoked IS NOT NULL, g.token, "
    "o.name || '/' || coalesce(v.name, '*'), g.prefix, g.writable FROM organisations o "
    "JOIN tokens t ON t.organisation = o.id LEFT JOIN token_grants g ON g.token = t.id "
    "LEFT JOIN volumes v ON v.id = g.volume WHERE o.id = $1::bigint ORDER BY t.id, v.name"};

bool covers(const Grant& own, const Grant& asked) {
  return (!own.volume || own.volume == asked.volume) && own.prefix == "/" &&
         (own.write || !asked.write);
}

Status check_life(std::chrono::seconds life) {
  if (life >= 1s && life <= kTokenLifeMax) return success();
  return Error{Code::invalid, "a token's life of " + std::to_string(life.count()) +
                                  " s is not within 1 s and " +
                                  std::to_string(kTokenLifeMax.count()) + " s (90 days)"};
}

}  // namespace

Result<std::vector<Grant>> PgAdmin::resolve(const Call& call, std::uint64_t organisation,
                                            const TokenRequest& request) {
  const Caller& caller = call.caller;
  std::vector<Grant> grants;
  for (const GrantByName& asked : request.grants) {
    Grant grant{VolumeId{}, asked.prefix, asked.write};
    if (asked.prefix != "/") {
      return Error{Code::unsupported,
                   "grants below \"/\" are not built yet: grant the whole volume", asked.prefix};
    }
    if (asked.volume != request.organisation + "/*") {
      if (!is_text(asked.volume)) return Error{Code::not_found, "there is no such volume"};
      auto rows =
          pool_.run(kVolume, Params().int8(organisation).bytes(asked.volume), call.deadline);
      if (!rows) return rows.error();
      if (rows->empty()) {
        return Error{Code::not_found,
                     "there is no volume \"" + asked.volume + "\" in " + request.organisation +
                         ": create it first, or write " + request.organisation + "/* for all",
                     asked.volume};
      }
      grant.volume = VolumeId{rows->count(0, 0)};
    }
    const bool held = caller.token == 0 || caller.organisation == 0 ||
                      std::any_of(caller.grants.begin(), caller.grants.end(),
                                  [&](const Grant& own) { return covers(own, grant); });
    if (!held) {
      return Error{Code::no_access,
                   "a token cannot give more than it has: yours does not cover " + asked.volume +
                       (asked.write ? " for writing" : ""),
                   asked.volume};
    }
    grants.push_back(grant);
  }
  return grants;
}

Result<MintedToken> PgAdmin::insert_token(const Call& call, std::uint64_t organisation,
                                          const TokenRequest& request,
                                          const std::vector<Grant>& grants) {
  const std::string secret = "ob_" + random_secret(kTokenBytes);
  const Sha256 digest = sha256(secret);
  Column volumes(Column::Type::int8);
  Column prefixes(Column::Type::text);
  Column writable(Column::Type::boolean);
  for (const Grant& grant : grants) {
    volumes.add(grant.volume.value);
    prefixes.add_bytes(grant.prefix);
    writable.add(std::int64_t{grant.write});
  }
  auto rows = pool_.run(
      kInsert,
      Params()
          .bytes({reinterpret_cast<const char*>(digest.bytes.data()), digest.bytes.size()})
          .int8(organisation)
          .bytes(request.principal)
          .int8(call.caller.token)
          .boolean(request.admin)
          .int8(std::int64_t{request.life.count()})
          .uuid(request.session.uuid)
          .int8(request.epoch.value)
          .int8(request.generation.value)
          .array(volumes)
          .array(prefixes)
          .array(writable),
      call.deadline);
  if (!rows) return rows.error();
  if (rows->empty()) {
    return Error{Code::fenced,
                 "session " + to_string(request.session) +
                     " is not at this epoch, has a newer sandbox, or is another organisation's: "
                     "claim it first",
                 to_string(request.session)};
  }
  MintedToken minted;
  minted.secret = secret;
  minted.info = TokenInfo{rows->count(0, 0),
                          request.organisation,
                          request.principal,
                          request.grants,
                          request.admin,
                          Timestamp{rows->number(0, 1)},
                          Timestamp{rows->number(0, 2)},
                          false};
  return minted;
}

Result<MintedToken> PgAdmin::mint_token(const Call& call, const TokenRequest& request) {
  auto organisation = administered(call, request.organisation);
  if (!organisation) return organisation.error();
  if (auto good = check_life(request.life); !good) return good.error();
  const Error nobody{Code::not_found,
                     "there is no user \"" + request.principal + "\" in " + request.organisation +
                         ": create it first",
                     request.principal};
  if (!is_text(request.principal)) return nobody;
  auto user =
      pool_.run(kPrincipal, Params().int8(*organisation).bytes(request.principal), call.deadline);
  if (!user) return user.error();
  if (user->empty()) return nobody;
  auto grants = resolve(call, *organisation, request);
  if (!grants) return grants.error();
  return insert_token(call, *organisation, request, *grants);
}

Result<MintedToken> PgAdmin::mint_site_token(const Call& call, std::string_view principal) {
  TokenRequest request;
  request.principal = std::string(principal);
  request.admin = true;
  request.life = kTokenLifeMax;
  return insert_token(call, 0, request, {Grant{VolumeId{}, "/", true}});
}

Status PgAdmin::revoke_token(const Call& call, std::uint64_t id) {
  if (!call.caller.admin && call.caller.token != 0) {
    return Error{Code::no_access, "revoking needs an administrator's token: ask yours"};
  }
  auto rows = pool_.run(kRevoke, Params().int8(id).int8(call.caller.organisation), call.deadline);
  if (!rows) return rows.error();
  if (rows->count(0, 0) > 0) return success();
  return Error{Code::not_found, "there is no token " + std::to_string(id), std::to_string(id)};
}

Result<std::vector<TokenInfo>> PgAdmin::tokens(const Call& call, std::string_view organisation) {
  auto id = administered(call, organisation);
  if (!id) return id.error();
  auto rows = pool_.run(kTokens, Params().int8(*id), call.deadline);
  if (!rows) return rows.error();
  std::vector<TokenInfo> found;
  for (std::size_t row = 0; row < rows->size(); ++row) {
    if (found.empty() || found.back().id != rows->count(row, 0)) {
      found.push_back({rows->count(row, 0),
                       std::string(organisation),
                       rows->text(row, 1),
                       {},
                       rows->flag(row, 2),
                       Timestamp{rows->number(row, 3)},
                       Timestamp{rows->number(row, 4)},
                       rows->flag(row, 5)});
    }
    if (rows->null(row, 6)) continue;
    found.back().grants.push_back({rows->text(row, 7), rows->text(row, 8), rows->flag(row, 9)});
  }
  return found;
}

}  // namespace outboard::server
