#include "server/postgres/pg_admin.h"

#include <algorithm>

#include "core/ignored.h"
#include "core/limits.h"
#include "core/path.h"
#include "core/scope.h"
#include "server/postgres/administered.h"
#include "server/postgres/collector.h"
#include "server/postgres/node_rows.h"
#include "server/postgres/volume_rows.h"

namespace outboard::server {
namespace {

#define OUTBOARD_NANOS(column) "(extract(epoch FROM " column ") * 1000000)::bigint * 1000"

constexpr Sql kCreateOrganisation{
    "admin_create_organisation",
    "INSERT INTO organisations (name) VALUES ($1::text) "
    "ON CONFLICT DO NOTHING RETURNING id, " OUTBOARD_NANOS("created")};
constexpr Sql kOrganisations{"admin_organisations",
                             "SELECT id, name, " OUTBOARD_NANOS("created") " FROM organisations "
                             "WHERE $1::bigint = 0 OR id = $1::bigint ORDER BY name"};
constexpr Sql kCreateUser{"admin_create_user",
                          "INSERT INTO principals (organisation, name) "
                          "VALUES ($1::bigint, $2::text) "
                          "ON CONFLICT DO NOTHING RETURNING " OUTBOARD_NANOS("created")};
constexpr Sql kUsers{"admin_users",
                     "SELECT name, " OUTBOARD_NANOS("created") " FROM principals "
                     "WHERE organisation = $1::bigint AND kind = 0 ORDER BY name"};
constexpr Sql kHasUser{"admin_has_user",
                       "SELECT 1 FROM principals WHERE organisation = $1::bigint "
                       "AND name = $2::text"};
// The volume and its root, whose directory mode is 0755.
constexpr Sql kCreateVolume{
    "admin_create_volume",
    "WITH v AS (INSERT INTO volumes (organisation, name, policy, strict, quota_bytes, "
    "quota_nodes, retention_versions, retention_seconds, retention_bytes, created, skill_lint, "
    "secret_scan, ignored, mode, second_reviewer, quota_versions) "
    "VALUES ($1::bigint, $2::text, $3::bigint::smallint, $4::boolean, $5::bigint, "
    "$6::bigint, $7::bigint, $8::bigint, $9::bigint, clock_timestamp(), $10::bigint::smallint, "
    "$11::bigint::smallint, $12::text, $13::bigint::smallint, $14::boolean, $15::bigint) "
    "ON CONFLICT DO NOTHING RETURNING id, created), "
    "now AS (SELECT " OUTBOARD_NANOS("v.created") " AS at FROM v), "
    "n AS (INSERT INTO inodes (volume, inode, kind, mode, uid, gid, size, links, accessed, "
    "modified, changed, version) "
    "SELECT v.id, 1, 1, 493, 0, 0, 0, 2, now.at, now.at, now.at, 0 FROM v, now), "
    "d AS (INSERT INTO dentries (volume, parent, name, inode, path) "
    "SELECT v.id, 0, '', 1, '/' FROM v) SELECT id FROM v"};
constexpr Sql kChangeVolume{
    "admin_change_volume",
    "UPDATE volumes v SET policy = $3::bigint::smallint, strict = $4::boolean, "
    "quota_bytes = $5::bigint, quota_nodes = $6::bigint, retention_versions = $7::bigint, "
    "retention_seconds = $8::bigint, retention_bytes = $9::bigint, "
    "skill_lint = $10::bigint::smallint, secret_scan = $11::bigint::smallint, "
    "ignored = $12::text, mode = $13::bigint::smallint, second_reviewer = $14::boolean, "
    "quota_versions = $15::bigint, collected_seq = CASE WHEN "
    "v.retention_versions IS DISTINCT FROM $7::bigint THEN 0 ELSE v.collected_seq END, "
    "excess_bytes = CASE WHEN v.retention_bytes IS NOT DISTINCT FROM $9::bigint "
    "THEN v.excess_bytes END, counted_seq = CASE WHEN "
    "v.retention_bytes IS NOT DISTINCT FROM $9::bigint THEN v.counted_seq END, "
    "published_seq = CASE WHEN $13::bigint = 1 AND v.mode = 0 THEN v.head_seq "
    "ELSE v.published_seq END FROM organisations o "
    "WHERE o.id = v.organisation AND v.organisation = $1::bigint AND v.name = $2::text "
    "RETURNING " OUTBOARD_VOLUME_COLUMNS
    ", pg_notify('outboard', 'published ' || v.id || ':' || v.published_seq || ':' || v.mode), "
    "pg_notify('outboard', 'settings ' || v.id)"};
constexpr Sql kNamedVolume{"admin_named_volume",
                           "SELECT " OUTBOARD_VOLUME_COLUMNS
                           " FROM volumes v JOIN organisations o ON o.id = v.organisation "
                           "WHERE o.name = $1::text AND v.name = $2::text"};
constexpr Sql kVolumeId{"admin_volume_id",
                        "SELECT id FROM volumes WHERE organisation = $1::bigint "
                        "AND name = $2::text"};
constexpr Sql kVolumes{"admin_volumes", "SELECT " OUTBOARD_VOLUME_COLUMNS
                                        " FROM volumes v "
                                        "JOIN organisations o ON o.id = v.organisation "
                                        "WHERE v.organisation = $1::bigint ORDER BY v.name"};
Error taken(std::string_view what, std::string_view name) {
  return Error{
      Code::exists,
      std::string(what) + " \"" + std::string(name) + "\" exists already: choose another name",
      std::string(name)};
}

Error no_volume_named(std::string_view name) {
  return Error{Code::not_found, "there is no volume \"" + std::string(name) + "\"",
               std::string(name)};
}

struct VolumeName {
  std::string_view organisation;
  std::string_view rest;  // "skills", "~ada/memory"
  std::optional<std::string_view> user;
};

// invalid: not organisation/volume of slugs.
Result<VolumeName> parse_volume(std::string_view name) {
  VolumeName parts;
  const std::size_t slash = name.find('/');
  if (slash == std::string_view::npos) {
    return Error{Code::invalid,
                 "\"" + std::string(name) +
                     "\" is no volume's name: write organisation/volume, as in "
                     "acme/skills",
                 std::string(name)};
  }
  parts.organisation = name.substr(0, slash);
  parts.rest = name.substr(slash + 1);
  if (auto good = check_slug("an organisation", parts.organisation); !good) return good.error();
  std::string_view left = parts.rest;
  if (left.starts_with('~')) {
    const std::size_t end = left.find('/');
    if (end == std::string_view::npos) {
      return Error{
          Code::invalid,
          "\"" + std::string(name) + "\" names a user but no volume: write acme/~ada/memory",
          std::string(name)};
    }
    parts.user = left.substr(1, end - 1);
    left.remove_prefix(end + 1);
  }
  for (;;) {
    const std::size_t end = left.find('/');
    if (auto good = check_slug("a volume", left.substr(0, end)); !good) return good.error();
    if (end == std::string_view::npos) return parts;
    left.remove_prefix(end + 1);
  }
}

Status check_settings(const VolumeSettings& settings) {
  if (!is_text(settings.ignored)) {
    return Error{Code::invalid, "a pattern of ignored names is no text: write it in UTF-8"};
  }
  return check_ignored(settings.ignored);
}

Params volume_params(std::uint64_t organisation, std::string_view name,
                     const VolumeSettings& settings) {
  Params params;
  params.int8(organisation)
      .bytes(name)
      .int8(static_cast<std::int64_t>(settings.policy))
      .boolean(settings.strict)
      .int8(settings.quota_bytes)
      .int8(settings.quota_nodes);
  const Retention& retention = settings.retention;
  for (const std::uint64_t limit : {retention.versions, retention.seconds, retention.bytes}) {
    limit == 0 ? params.null() : params.int8(limit);
  }
  params.int8(static_cast<std::int64_t>(settings.skill_lint.value_or(default_skill_lint(name))))
      .int8(static_cast<std::int64_t>(settings.secret_scan))
      .bytes(settings.ignored)
      .int8(static_cast<std::int64_t>(settings.mode))
      .boolean(settings.second_reviewer)
      .int8(settings.quota_versions);
  return params;
}

}  // namespace

Result<std::uint64_t> PgAdmin::administered(const Call& call, std::string_view organisation) {
  return server::administered(pool_, call, organisation);
}

Result<Organisation> PgAdmin::create_organisation(const Call& call, std::string_view name) {
  if (!may_administer(call.caller) || call.caller.organisation != 0) {
    return Error{Code::no_access, "only the site's administrator creates organisations",
                 std::string(name)};
  }
  if (auto good = check_slug("an organisation", name); !good) return good.error();
  auto rows = pool_.run(kCreateOrganisation, Params().bytes(name), call.deadline);
  if (!rows) return rows.error();
  if (rows->empty()) return taken("the organisation", name);
  return Organisation{rows->count(0, 0), std::string(name), Timestamp{rows->number(0, 1)}};
}

Result<std::vector<Organisation>> PgAdmin::organisations(const Call& call) {
  if (!may_administer(call.caller)) return only_admins();
  auto rows = pool_.run(kOrganisations, Params().int8(call.caller.organisation), call.deadline);
  if (!rows) return rows.error();
  std::vector<Organisation> found;
  for (std::size_t row = 0; row < rows->size(); ++row) {
    found.push_back({rows->count(row, 0), rows->text(row, 1), Timestamp{rows->number(row, 2)}});
  }
  return found;
}

Result<User> PgAdmin::create_user(const Call& call, std::string_view organisation,
                                  std::string_view name) {
  auto id = administered(call, organisation);
  if (!id) return id.error();
  if (auto good = check_slug("a user", name); !good) return good.error();
  auto rows = pool_.run(kCreateUser, Params().int8(*id).bytes(name), call.deadline);
  if (!rows) return rows.error();
  if (rows->empty()) return taken("the user", name);
  return User{std::string(organisation), std::string(name), Timestamp{rows->number(0, 0)}};
}

Result<std::vector<User>> PgAdmin::users(const Call& call, std::string_view organisation) {
  auto id = administered(call, organisation);
  if (!id) return id.error();
  auto rows = pool_.run(kUsers, Params().int8(*id), call.deadline);
  if (!rows) return rows.error();
  std::vector<User> found;
  for (std::size_t row = 0; row < rows->size(); ++row) {
    found.push_back(
        {std::string(organisation), rows->text(row, 0), Timestamp{rows->number(row, 1)}});
  }
  return found;
}

Result<Volume> PgAdmin::create_volume(const Call& call, std::string_view name,
                                      const VolumeSettings& settings) {
  if (!may_administer(call.caller)) return only_admins();
  auto parts = parse_volume(name);
  if (!parts) return parts.error();
  auto id = administered(call, parts->organisation);
  if (!id) return id.error();
  if (auto good = check_settings(settings); !good) return good.error();
  if (parts->user) {
    auto user = pool_.run(kHasUser, Params().int8(*id).bytes(*parts->user), call.deadline);
    if (!user) return user.error();
    if (user->empty()) {
      return Error{Code::not_found,
                   "there is no user \"" + std::string(*parts->user) + "\" in " +
                       std::string(parts->organisation) + ": create it first",
                   std::string(*parts->user)};
    }
  }
  auto rows = pool_.run(kCreateVolume, volume_params(*id, parts->rest, settings), call.deadline);
  if (!rows) return rows.error();
  if (rows->empty()) return taken("the volume", name);
  Volume volume;
  volume.id = VolumeId{rows->count(0, 0)};
  volume.organisation = *id;
  volume.name = std::string(name);
  take_settings(volume, settings);
  return volume;
}

// Who may: an administrator, or whoever manages the volume. To all others it is not there when they
// do not see it.
Result<std::uint64_t> PgAdmin::managed(const Call& call, const std::string& name,
                                       std::string_view organisation) {
  if (may_administer(call.caller)) return administered(call, organisation);
  auto rows = pool_.run(kNamedVolume,
                        Params().bytes(organisation).bytes(name.substr(organisation.size() + 1)),
                        call.deadline);
  if (!rows) return rows.error();
  std::vector<Grant> grants;
  if (!rows->empty()) grants = grants_in(call.caller, read_volume(*rows, 0));
  if (grants.empty()) {
    return Error{Code::not_found, "there is no volume \"" + name + "\"", name};
  }
  const bool manages =
      std::any_of(grants.begin(), grants.end(), [](const Grant& grant) { return grant.manage; });
  if (manages) return rows->count(0, 1);
  return Error{Code::no_access,
               "changing the settings of " + name +
                   " needs a grant to manage it, or an administrator's token: ask yours",
               name};
}

Result<Volume> PgAdmin::change_volume(const Call& call, std::string_view name,
                                      const VolumeSettings& settings) {
  auto parts = parse_volume(name);
  if (!parts) return parts.error();
  auto id = managed(call, std::string(name), parts->organisation);
  if (!id) return id.error();
  if (auto good = check_settings(settings); !good) return good.error();
  auto rows = pool_.run(kChangeVolume, volume_params(*id, parts->rest, settings), call.deadline);
  if (!rows) return rows.error();
  if (rows->empty()) return no_volume_named(name);
  Volume volume = read_volume(*rows, 0);
  changed_(volume);
  return volume;
}

Result<std::vector<Volume>> PgAdmin::volumes(const Call& call, std::string_view organisation) {
  auto id = administered(call, organisation);
  if (!id) return id.error();
  auto rows = pool_.run(kVolumes, Params().int8(*id), call.deadline);
  if (!rows) return rows.error();
  std::vector<Volume> found;
  for (std::size_t row = 0; row < rows->size(); ++row) found.push_back(read_volume(*rows, row));
  return found;
}

Result<Collected> PgAdmin::collect(const Call& call, std::string_view name) {
  if (!may_administer(call.caller)) return only_admins();
  auto parts = parse_volume(name);
  if (!parts) return parts.error();
  auto id = administered(call, parts->organisation);
  if (!id) return id.error();
  auto rows = pool_.run(kVolumeId, Params().int8(*id).bytes(parts->rest), call.deadline);
  if (!rows) return rows.error();
  if (rows->empty()) return no_volume_named(name);
  auto collected = Collector::collect(pool_, VolumeId{rows->count(0, 0)}, call.deadline);
  if (collected) collected->volume = std::string(name);
  return collected;
}

}  // namespace outboard::server
