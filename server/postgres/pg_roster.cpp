#include "server/postgres/pg_roster.h"

#include <algorithm>

#include "core/limits.h"
#include "core/path.h"
#include "core/scope.h"
#include "server/postgres/administered.h"
#include "server/postgres/node_rows.h"

namespace outboard::server {
namespace {

#define OUTBOARD_NANOS(column) "(extract(epoch FROM " column ") * 1000000)::bigint * 1000"

constexpr Sql kCreateService{"roster_create_service",
                             "INSERT INTO principals (organisation, name, kind) "
                             "VALUES ($1::bigint, $2::text, 1) "
                             "ON CONFLICT DO NOTHING RETURNING " OUTBOARD_NANOS("created")};
constexpr Sql kServices{"roster_services",
                        "SELECT name, " OUTBOARD_NANOS("created") " FROM principals "
                        "WHERE organisation = $1::bigint AND kind = 1 ORDER BY name"};
constexpr Sql kCreateGroup{"roster_create_group",
                           "INSERT INTO groups (organisation, name) VALUES ($1::bigint, $2::text) "
                           "ON CONFLICT DO NOTHING RETURNING " OUTBOARD_NANOS("created")};
constexpr Sql kRemoveGroup{"roster_remove_group",
                           "DELETE FROM groups WHERE organisation = $1::bigint "
                           "AND name = $2::text RETURNING id"};
constexpr Sql kGroups{"roster_groups",
                      "SELECT g.name, " OUTBOARD_NANOS("g.created") ", p.name FROM groups g "
                      "LEFT JOIN group_members m ON m.member_of = g.id "
                      "LEFT JOIN principals p ON p.id = m.principal "
                      "WHERE g.organisation = $1::bigint ORDER BY g.name, p.name"};
// Both must be of the organisation; which one is not there is told apart by the ids.
constexpr Sql kMember{"roster_member",
                      "SELECT (SELECT id FROM groups WHERE organisation = $1::bigint "
                      "AND name = $2::text), (SELECT id FROM principals "
                      "WHERE organisation = $1::bigint AND name = $3::text)"};
constexpr Sql kAdd{"roster_add",
                   "INSERT INTO group_members (member_of, principal) "
                   "VALUES ($1::bigint, $2::bigint) ON CONFLICT DO NOTHING"};
constexpr Sql kDrop{"roster_drop",
                    "DELETE FROM group_members WHERE member_of = $1::bigint "
                    "AND principal = $2::bigint"};
constexpr Sql kGive{"roster_give",
                    "INSERT INTO grants (organisation, principal, to_group, volumes, prefix, mode, "
                    "given_by) VALUES ($1::bigint, nullif($2::bigint, 0), nullif($3::bigint, 0), "
                    "$4::text, $5::text, $6::bigint::smallint, $7::text) "
                    "ON CONFLICT DO NOTHING RETURNING id, " OUTBOARD_NANOS("created")};
constexpr Sql kWithdraw{"roster_withdraw",
                        "DELETE FROM grants WHERE organisation = $1::bigint AND id = $2::bigint "
                        "RETURNING id"};
constexpr Sql kGrants{"roster_grants",
                      "SELECT a.id, coalesce(p.name, g.name), a.to_group IS NOT NULL, a.volumes, "
                      "a.prefix, a.mode, a.given_by, " OUTBOARD_NANOS("a.created") " FROM grants a "
                      "LEFT JOIN principals p ON p.id = a.principal "
                      "LEFT JOIN groups g ON g.id = a.to_group "
                      "WHERE a.organisation = $1::bigint ORDER BY 3, 2, a.id"};
constexpr Sql kVolume{"roster_volume",
                      "SELECT id FROM volumes WHERE organisation = $1::bigint AND name = $2::text"};

Error missing(std::string_view what, std::string_view name) {
  return Error{Code::not_found,
               "there is no " + std::string(what) + " \"" + std::string(name) +
                   "\" in the organisation: create it first",
               std::string(name)};
}

Error taken(std::string_view what, std::string_view name) {
  return Error{
      Code::exists,
      std::string(what) + " \"" + std::string(name) + "\" exists already: choose another name",
      std::string(name)};
}

Result<std::vector<User>> users_of(const Rows& rows, std::string_view organisation) {
  std::vector<User> found;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    found.push_back({std::string(organisation), rows.text(row, 0), Timestamp{rows.number(row, 1)}});
  }
  return found;
}

Status check_pattern(std::string_view volumes) {
  const bool good = !volumes.empty() && volumes.size() <= 4 * kSlugBytesMax &&
                    std::all_of(volumes.begin(), volumes.end(), [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                             c == '*' || c == '/' || c == '~' || c == '@';
                    });
  const bool own = volumes.find('@') == std::string_view::npos || volumes.starts_with("~@/");
  if (good && own) return success();
  return Error{Code::invalid,
               "\"" + std::string(volumes) +
                   "\" names no volumes: write a name without the organisation (skills), a "
                   "pattern (team-*), * for all, or ~@/memory for the holder's own",
               std::string(volumes)};
}

// The rules that need no look at the database.
Status check_grant(const StandingGrant& grant) {
  if (auto good = check_pattern(grant.volumes); !good) return good;
  if (auto good = check_path(grant.prefix); !good) return good;
  const bool whole = grant.mode == Mode::audit || grant.mode == Mode::administer;
  if (whole && (grant.volumes != "*" || grant.prefix != "/")) {
    return Error{Code::invalid,
                 "auditing and administering are for the whole organisation: grant "
                 "them on all volumes, without a path"};
  }
  if (grant.mode == Mode::manage && grant.prefix != "/") {
    return Error{
        Code::invalid,
        "settings are a whole volume's: grant manage without a path, or write for " + grant.prefix,
        grant.prefix};
  }
  return success();
}

// Whether one of the caller's own grants holds all that is given.
bool covered(const Caller& caller, const StandingGrant& given, VolumeId volume) {
  if (caller.token == 0 || caller.organisation == 0) return true;
  if (given.mode == Mode::audit) return true;  // it shows an administrator nothing new
  return std::any_of(caller.grants.begin(), caller.grants.end(), [&](const Grant& own) {
    if (own.volume && (own.volume != volume || !volume)) return false;
    if (!own.pattern.empty() && own.pattern != given.volumes) return false;
    if (!is_within(given.prefix, own.prefix)) return false;
    if (given.mode == Mode::read) return true;
    return own.write && (given.mode == Mode::write || own.manage);
  });
}

}  // namespace

Result<User> PgRoster::create_service(const Call& call, std::string_view organisation,
                                      std::string_view name) {
  auto id = administered(pool_, call, organisation);
  if (!id) return id.error();
  if (auto good = check_slug("a service account", name); !good) return good.error();
  auto rows = pool_.run(kCreateService, Params().int8(*id).bytes(name), call.deadline);
  if (!rows) return rows.error();
  if (rows->empty()) return taken("a user or service account", name);
  return User{std::string(organisation), std::string(name), Timestamp{rows->number(0, 0)}};
}

Result<std::vector<User>> PgRoster::services(const Call& call, std::string_view organisation) {
  auto id = administered(pool_, call, organisation);
  if (!id) return id.error();
  auto rows = pool_.run(kServices, Params().int8(*id), call.deadline);
  if (!rows) return rows.error();
  return users_of(*rows, organisation);
}

Result<Group> PgRoster::create_group(const Call& call, std::string_view organisation,
                                     std::string_view name) {
  auto id = administered(pool_, call, organisation);
  if (!id) return id.error();
  if (auto good = check_slug("a group", name); !good) return good.error();
  auto rows = pool_.run(kCreateGroup, Params().int8(*id).bytes(name), call.deadline);
  if (!rows) return rows.error();
  if (rows->empty()) return taken("the group", name);
  return Group{std::string(organisation), std::string(name), Timestamp{rows->number(0, 0)}, {}};
}

Status PgRoster::remove_group(const Call& call, std::string_view organisation,
                              std::string_view name) {
  auto id = administered(pool_, call, organisation);
  if (!id) return id.error();
  if (!is_text(name)) return missing("group", name);
  auto rows = pool_.run(kRemoveGroup, Params().int8(*id).bytes(name), call.deadline);
  if (!rows) return rows.error();
  return rows->empty() ? Status(missing("group", name)) : success();
}

Result<std::vector<Group>> PgRoster::groups(const Call& call, std::string_view organisation) {
  auto id = administered(pool_, call, organisation);
  if (!id) return id.error();
  auto rows = pool_.run(kGroups, Params().int8(*id), call.deadline);
  if (!rows) return rows.error();
  std::vector<Group> found;
  for (std::size_t row = 0; row < rows->size(); ++row) {
    if (found.empty() || found.back().name != rows->bytes(row, 0)) {
      found.push_back(
          {std::string(organisation), rows->text(row, 0), Timestamp{rows->number(row, 1)}, {}});
    }
    if (!rows->null(row, 2)) found.back().members.push_back(rows->text(row, 2));
  }
  return found;
}

namespace {

struct Membership {
  std::uint64_t group = 0;
  std::uint64_t principal = 0;
};

Result<Membership> membership(ConnectionPool& pool, const Call& call, std::string_view organisation,
                              std::string_view group, std::string_view principal) {
  auto id = administered(pool, call, organisation);
  if (!id) return id.error();
  if (!is_text(group)) return missing("group", group);
  if (!is_text(principal)) return missing("user or service account", principal);
  auto rows = pool.run(kMember, Params().int8(*id).bytes(group).bytes(principal), call.deadline);
  if (!rows) return rows.error();
  if (rows->null(0, 0)) return missing("group", group);
  if (rows->null(0, 1)) return missing("user or service account", principal);
  return Membership{rows->count(0, 0), rows->count(0, 1)};
}

}  // namespace

Status PgRoster::add_member(const Call& call, std::string_view organisation, std::string_view group,
                            std::string_view principal) {
  auto found = membership(pool_, call, organisation, group, principal);
  if (!found) return found.error();
  auto done = pool_.run(kAdd, Params().int8(found->group).int8(found->principal), call.deadline);
  return done ? success() : Status(done.error());
}

Status PgRoster::remove_member(const Call& call, std::string_view organisation,
                               std::string_view group, std::string_view principal) {
  auto found = membership(pool_, call, organisation, group, principal);
  if (!found) return found.error();
  auto done = pool_.run(kDrop, Params().int8(found->group).int8(found->principal), call.deadline);
  return done ? success() : Status(done.error());
}

Result<StandingGrant> PgRoster::give(const Call& call, const StandingGrant& grant) {
  auto id = administered(pool_, call, grant.organisation);
  if (!id) return id.error();
  if (auto good = check_grant(grant); !good) return good.error();
  const std::string_view what = grant.to_group ? "group" : "user or service account";
  if (!is_text(grant.holder)) return missing(what, grant.holder);
  auto holder =
      pool_.run(kMember, Params().int8(*id).bytes(grant.holder).bytes(grant.holder), call.deadline);
  if (!holder) return holder.error();
  if (holder->null(0, grant.to_group ? 0 : 1)) return missing(what, grant.holder);
  VolumeId volume;
  if (is_volume_name(grant.volumes)) {
    auto rows = pool_.run(kVolume, Params().int8(*id).bytes(grant.volumes), call.deadline);
    if (!rows) return rows.error();
    if (rows->empty()) return missing("volume", grant.volumes);
    volume = VolumeId{rows->count(0, 0)};
  }
  if (!covered(call.caller, grant, volume)) {
    return Error{Code::no_access,
                 "a token cannot give more than it has: yours does not cover " + grant.volumes +
                     (grant.prefix == "/" ? "" : ":" + grant.prefix),
                 grant.volumes};
  }
  auto rows = pool_.run(kGive,
                        Params()
                            .int8(*id)
                            .int8(grant.to_group ? std::uint64_t{0} : holder->count(0, 1))
                            .int8(grant.to_group ? holder->count(0, 0) : std::uint64_t{0})
                            .bytes(grant.volumes)
                            .name(grant.prefix)
                            .int8(static_cast<std::int64_t>(grant.mode))
                            .bytes(call.caller.principal),
                        call.deadline);
  if (!rows) return rows.error();
  if (rows->empty()) {
    return Error{Code::exists, grant.holder + " has this grant already", grant.holder};
  }
  StandingGrant given = grant;
  given.id = rows->count(0, 0);
  given.given_by = call.caller.principal;
  given.created = Timestamp{rows->number(0, 1)};
  return given;
}

Status PgRoster::withdraw(const Call& call, std::string_view organisation, std::uint64_t grant) {
  auto id = administered(pool_, call, organisation);
  if (!id) return id.error();
  auto rows = pool_.run(kWithdraw, Params().int8(*id).int8(grant), call.deadline);
  if (!rows) return rows.error();
  if (!rows->empty()) return success();
  return Error{Code::not_found,
               "there is no grant " + std::to_string(grant) + " in " + std::string(organisation) +
                   ": `outboard grant list` shows them",
               std::to_string(grant)};
}

Result<std::vector<StandingGrant>> PgRoster::grants(const Call& call,
                                                    std::string_view organisation) {
  auto id = administered(pool_, call, organisation);
  if (!id) return id.error();
  auto rows = pool_.run(kGrants, Params().int8(*id), call.deadline);
  if (!rows) return rows.error();
  std::vector<StandingGrant> found;
  for (std::size_t row = 0; row < rows->size(); ++row) {
    found.push_back({rows->count(row, 0), std::string(organisation), rows->text(row, 1),
                     rows->flag(row, 2), rows->text(row, 3), rows->name(row, 4),
                     static_cast<Mode>(rows->number(row, 5)), rows->text(row, 6),
                     Timestamp{rows->number(row, 7)}});
  }
  return found;
}

}  // namespace outboard::server
