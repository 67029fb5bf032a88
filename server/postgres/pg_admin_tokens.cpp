// PgAdmin's tokens: minted narrower than their parent, revoked with all that came of them.
#include <algorithm>

#include "core/limits.h"
#include "core/path.h"
#include "core/scope.h"
#include "server/postgres/node_rows.h"
#include "server/postgres/pg_admin.h"

namespace outboard::server {
namespace {

#define OUTBOARD_NANOS(column) "(extract(epoch FROM " column ") * 1000000)::bigint * 1000"

constexpr Sql kPrincipal{"tokens_principal",
                         "SELECT 1 FROM principals WHERE organisation = $1::bigint "
                         "AND name = $2::text"};
constexpr Sql kNamed{"tokens_named",
                     "SELECT 1 FROM organisations WHERE id = $1::bigint AND name = $2::text"};
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
    "p AS (SELECT id FROM tokens WHERE id = $4::bigint AND revoked IS NULL FOR SHARE), "
    "t AS (INSERT INTO tokens (digest, organisation, principal, parent, admin, expires, session, "
    "epoch, generation, bound, limited) SELECT $1::bytea, nullif($2::bigint, 0), $3::text, "
    "nullif($4::bigint, 0), $5::boolean, least(clock_timestamp() + $6::bigint * "
    "interval '1 second', (SELECT expires FROM tokens WHERE id = $4::bigint)), $7::uuid, "
    "$8::bigint, $9::bigint, $14::boolean, $15::boolean OR ($14::boolean AND EXISTS "
    "(SELECT 1 FROM tokens l WHERE l.id = $4::bigint AND l.limited)) "
    "WHERE ($7::uuid IS NULL OR EXISTS (SELECT 1 FROM s)) "
    "AND ($4::bigint = 0 OR EXISTS (SELECT 1 FROM p)) "
    "RETURNING id, created, expires), "
    "g AS (INSERT INTO token_grants (token, volume, prefix, writable, manage) "
    "SELECT t.id, nullif(a.volume, 0), a.prefix, a.writable, a.manage FROM t, "
    "unnest($10::bigint[], $11::text[], $12::boolean[], $13::boolean[]) "
    "AS a(volume, prefix, writable, manage)) "
    "SELECT id, " OUTBOARD_NANOS("created") ", " OUTBOARD_NANOS("expires") " FROM t"};
// Down from $2 (0: of the organisation, or any when that is 0 too) to the token; its parents must
// stand. Never longer than its parent lives, and never the asking token itself.
constexpr Sql kRenew{
    "tokens_renew",
    "WITH RECURSIVE line AS (SELECT id, parent, revoked FROM tokens WHERE id = $1::bigint "
    "AND ($3::bigint = 0 OR organisation = $3::bigint) "
    "UNION ALL SELECT t.id, t.parent, t.revoked FROM tokens t JOIN line ON t.id = line.parent), "
    "u AS (UPDATE tokens t SET expires = least(clock_timestamp() + $4::bigint * "
    "interval '1 second', (SELECT p.expires FROM tokens p WHERE p.id = t.parent)) "
    "WHERE t.id = $1::bigint AND t.id <> $5::bigint AND ($2::bigint = 0 OR EXISTS "
    "(SELECT 1 FROM line WHERE id = $2::bigint AND id <> $1::bigint)) "
    "AND EXISTS (SELECT 1 FROM line) AND NOT EXISTS (SELECT 1 FROM line WHERE revoked IS NOT NULL) "
    "RETURNING t.id, t.organisation, t.principal, t.admin, t.bound, t.created, t.expires) "
    "SELECT u.id, o.name, u.principal, u.admin, u.bound, " OUTBOARD_NANOS("u.created") ", "
    OUTBOARD_NANOS("u.expires") " FROM u LEFT JOIN organisations o ON o.id = u.organisation"};
constexpr Sql kOwnGrants{"tokens_own_grants",
                         "SELECT volume, prefix, writable, manage FROM token_grants "
                         "WHERE token = $1::bigint"};
constexpr Sql kRevoke{
    "tokens_revoke",
    "WITH RECURSIVE gone AS (SELECT id FROM tokens WHERE id = $1::bigint "
    "AND ($2::bigint = 0 OR organisation = $2::bigint) "
    "UNION SELECT t.id FROM tokens t JOIN gone ON t.parent = gone.id), "
    "u AS (UPDATE tokens SET revoked = clock_timestamp() WHERE id IN (SELECT id FROM gone) "
    "AND revoked IS NULL RETURNING 1) "
    "SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM u)"};
constexpr Sql kTokens{
    "tokens_list",
    "SELECT t.id, t.principal, t.admin, " OUTBOARD_NANOS("t.created") ", "
    OUTBOARD_NANOS("t.expires") ", t.revoked IS NOT NULL, g.token, "
    "o.name || '/' || coalesce(v.name, '*'), g.prefix, g.writable, g.manage, t.bound "
    "FROM organisations o "
    "JOIN tokens t ON t.organisation = o.id LEFT JOIN token_grants g ON g.token = t.id "
    "LEFT JOIN volumes v ON v.id = g.volume WHERE o.id = $1::bigint ORDER BY t.id, v.name"};

// `name` is that of the asked volume, without the organisation; empty: all of them are asked for.
bool covers(const Caller& caller, const Grant& own, const Grant& asked, std::string_view name) {
  if (own.volume && own.volume != asked.volume) return false;
  if (!own.pattern.empty() &&
      (name.empty() || !pattern_covers(own.pattern, name, caller.principal))) {
    return false;
  }
  return is_within(asked.prefix, own.prefix) && (own.write || !asked.write) &&
         (own.manage || !asked.manage);
}

bool has_all(const Caller& caller) {
  return caller.token == 0 || caller.organisation == 0 ||
         std::any_of(caller.grants.begin(), caller.grants.end(), [](const Grant& own) {
           return !own.volume && own.pattern.empty() && own.prefix == "/" && own.write;
         });
}

Status check_grant(const GrantByName& grant) {
  if (auto good = check_path(grant.prefix); !good) {
    Error error = good.error();
    error.message = "the grant's path " + grant.prefix + " is no good: " + error.message;
    return error;
  }
  if (grant.manage && grant.prefix != "/") {
    return Error{
        Code::invalid,
        "settings are a whole volume's: grant manage without a path, or :rw for " + grant.prefix,
        grant.prefix};
  }
  return success();
}

Status check_life(std::chrono::seconds life) {
  if (life >= 1s && life <= kTokenLifeMax) return success();
  return Error{Code::invalid, "a token's life of " + std::to_string(life.count()) +
                                  " s is not within 1 s and " +
                                  std::to_string(kTokenLifeMax.count()) + " s (90 days)"};
}

}  // namespace

Status PgAdmin::check_covered(const Call& call, const Grant& grant, const std::string& volume) {
  const Caller& caller = call.caller;
  if (caller.token == 0 || caller.organisation == 0) return success();
  const std::size_t slash = volume.find('/');
  const std::string name = grant.volume ? volume.substr(slash + 1) : std::string();
  const bool held = std::any_of(caller.grants.begin(), caller.grants.end(),
                                [&](const Grant& own) { return covers(caller, own, grant, name); });
  if (held) return success();
  return Error{Code::no_access,
               "a token cannot give more than it has: yours does not cover " + volume +
                   (grant.prefix == "/" ? "" : ":" + grant.prefix) +
                   (grant.manage  ? " for managing"
                    : grant.write ? " for writing"
                                  : ""),
               volume};
}

Result<std::vector<Grant>> PgAdmin::resolve(const Call& call, std::uint64_t organisation,
                                            const TokenRequest& request) {
  if (request.grants.size() > kTokenGrantsMax) {
    return Error{Code::too_big, std::to_string(request.grants.size()) +
                                    " grants for one token, the limit is " +
                                    std::to_string(kTokenGrantsMax) + ": grant whole directories"};
  }
  std::vector<Grant> grants;
  for (const GrantByName& asked : request.grants) {
    if (auto good = check_grant(asked); !good) return good.error();
    Grant grant{VolumeId{}, asked.prefix, asked.write || asked.manage, asked.manage};
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
    if (auto good = check_covered(call, grant, asked.volume); !good) return good.error();
    grants.push_back(std::move(grant));
  }
  return grants;
}

// What a token that asks for no grants of its own is limited by beside its principal's: what the
// asking one is limited by.
Result<std::vector<Grant>> PgAdmin::inherited(const Call& call) {
  const Caller& caller = call.caller;
  std::vector<Grant> grants;
  // Of a token that is no administrator's its own grants, also all: none would follow its
  // principal, who may be one.
  if (caller.token == 0 || caller.organisation == 0 ||
      (caller.admin && !caller.bound && has_all(caller))) {
    return grants;
  }
  auto rows = pool_.run(kOwnGrants, Params().int8(caller.token), call.deadline);
  if (!rows) return rows.error();
  for (std::size_t row = 0; row < rows->size(); ++row) {
    grants.push_back(Grant{VolumeId{rows->count(row, 0)}, rows->name(row, 1), rows->flag(row, 2),
                           rows->flag(row, 3)});
  }
  if (!grants.empty() || caller.bound) return grants;
  return Error{Code::no_access,
               "a token cannot give more than it has, and yours has no grant for any volume: ask "
               "for one with grants"};
}

Result<MintedToken> PgAdmin::insert_token(const Call& call, std::uint64_t organisation,
                                          const TokenRequest& request,
                                          const std::vector<Grant>& grants) {
  const std::string secret = "ob_" + random_secret(kTokenBytes);
  const Sha256 digest = sha256(secret);
  Column volumes(Column::Type::int8);
  Column prefixes(Column::Type::text);
  Column writable(Column::Type::boolean);
  Column manage(Column::Type::boolean);
  for (const Grant& grant : grants) {
    volumes.add(grant.volume.value);
    prefixes.add_name(grant.prefix);
    writable.add(std::int64_t{grant.write});
    manage.add(std::int64_t{grant.manage});
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
          .array(writable)
          .array(manage)
          .boolean(request.bound)
          .boolean(request.bound && !grants.empty()),
      call.deadline);
  if (!rows) return rows.error();
  if (rows->empty() && request.session.uuid == Uuid{}) {
    return Error{Code::unauthenticated, "the token that asks was revoked: ask for another"};
  }
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
                          false,
                          request.bound};
  return minted;
}

// Who administers nothing mints for itself, within the same organisation, session and fences.
Result<std::uint64_t> PgAdmin::minter(const Call& call, TokenRequest& request) {
  const Caller& caller = call.caller;
  if (caller.admin || caller.token == 0) return administered(call, request.organisation);
  if (request.admin || request.principal != caller.principal) {
    return Error{Code::no_access,
                 "this token mints for " + caller.principal +
                     " only: others, and administrators, need an administrator's token"};
  }
  if (request.session && request.session != caller.session) {
    return Error{Code::no_access, "this token does not belong to session " +
                                      to_string(request.session) + ": leave the session out"};
  }
  request.session = caller.session;
  request.epoch = caller.epoch;
  request.generation = caller.generation;
  request.bound = request.bound || caller.bound;
  auto rows = pool_.run(kNamed, Params().int8(caller.organisation).bytes(request.organisation),
                        call.deadline);
  if (!rows) return rows.error();
  if (!rows->empty()) return caller.organisation;
  return Error{Code::not_found, "there is no organisation \"" + request.organisation + "\"",
               request.organisation};
}

Result<MintedToken> PgAdmin::mint_token(const Call& call, const TokenRequest& asked) {
  TokenRequest request = asked;
  if (!is_text(request.organisation) || !is_text(request.principal)) {
    return Error{Code::not_found, "there is no such user: names are a-z, 0-9 and \"-\""};
  }
  auto organisation = minter(call, request);
  if (!organisation) return organisation.error();
  if (auto good = check_life(request.life); !good) return good.error();
  auto user =
      pool_.run(kPrincipal, Params().int8(*organisation).bytes(request.principal), call.deadline);
  if (!user) return user.error();
  if (user->empty()) {
    return Error{Code::not_found,
                 "there is no user \"" + request.principal + "\" in " + request.organisation +
                     ": create it first",
                 request.principal};
  }
  const bool open = request.grants.empty() && !request.admin;
  const bool administers = call.caller.admin || call.caller.token == 0;
  if (open && administers) request.bound = true;
  auto grants = open ? inherited(call) : resolve(call, *organisation, request);
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

Result<TokenInfo> PgAdmin::renew_token(const Call& call, std::uint64_t id,
                                       std::chrono::seconds life) {
  if (auto good = check_life(life); !good) return good.error();
  const Caller& caller = call.caller;
  const bool administers = caller.admin || caller.token == 0;
  auto rows = pool_.run(kRenew,
                        Params()
                            .int8(id)
                            .int8(administers ? std::uint64_t{0} : caller.token)
                            .int8(caller.organisation)
                            .int8(std::int64_t{life.count()})
                            .int8(caller.token),
                        call.deadline);
  if (!rows) return rows.error();
  if (rows->empty()) {
    return Error{Code::not_found,
                 "there is no token " + std::to_string(id) +
                     " that came of yours and stands: a revoked one is not renewed, mint another",
                 std::to_string(id)};
  }
  TokenInfo info;
  info.id = rows->count(0, 0);
  info.organisation = rows->text(0, 1);
  info.principal = rows->text(0, 2);
  info.admin = rows->flag(0, 3);
  info.bound = rows->flag(0, 4);
  info.created = Timestamp{rows->number(0, 5)};
  info.expires = Timestamp{rows->number(0, 6)};
  return info;
}

Status PgAdmin::revoke_token(const Call& call, std::uint64_t id) {
  if (!call.caller.admin && call.caller.token != 0) {
    return Error{Code::no_access, "revoking needs an administrator's token: ask yours"};
  }
  // Until a round finds nothing new: children may be minted while it runs, but not of the revoked.
  for (;;) {
    auto rows = pool_.run(kRevoke, Params().int8(id).int8(call.caller.organisation), call.deadline);
    if (!rows) return rows.error();
    if (rows->count(0, 0) == 0) break;
    if (rows->count(0, 1) == 0) return success();
  }
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
                       rows->flag(row, 5),
                       rows->flag(row, 11)});
    }
    if (rows->null(row, 6)) continue;
    found.back().grants.push_back(
        {rows->text(row, 7), rows->name(row, 8), rows->flag(row, 9), rows->flag(row, 10)});
  }
  return found;
}

}  // namespace outboard::server
