#include "server/postgres/pg_audit.h"

#include <algorithm>
#include <limits>

#include "core/limits.h"
#include "core/path.h"
#include "server/postgres/node_rows.h"

namespace outboard::server {
namespace {

constexpr Sql kVolume{"audit_volume",
                      "SELECT v.id, v.organisation FROM volumes v JOIN organisations o "
                      "ON o.id = v.organisation WHERE o.name = $1::text AND v.name = $2::text"};
constexpr Sql kOrganisation{"audit_organisation",
                            "SELECT id FROM organisations WHERE name = $1::text"};
constexpr Sql kSeals{"audit_seals",
                     "SELECT last_seq, first_seq, digest, fault "
                     "FROM check_seals($1::bigint, $2::bigint, $3::bigint, $4::bigint)"};
constexpr Sql kRefusalSeals{"audit_refusal_seals",
                            "SELECT last_id, last_id, digest, fault "
                            "FROM check_refusals($1::bigint, $2::bigint, $3::bigint)"};
constexpr Sql kContents{"audit_contents",
                        "SELECT seq, path FROM check_contents($1::bigint, $2::bigint, $3::bigint) "
                        "LIMIT 1"};
#define OUTBOARD_NANOS(column) "(extract(epoch FROM " column ") * 1000000)::bigint * 1000"
constexpr Sql kRefusals{
    "audit_refusals",
    "SELECT id, volume, principal, token, session, op, path, code, times, " OUTBOARD_NANOS(
        "first") ", " OUTBOARD_NANOS("last") " FROM refusals WHERE organisation = $1::bigint "
                                             "AND ($2::bigint = 0 OR id < $2::bigint) "
                                             "ORDER BY id DESC LIMIT $3::bigint"};
constexpr Sql kReads{
    "audit_reads",
    "SELECT coalesce(d.path, c.path), r.principal, r.times, " OUTBOARD_NANOS("r.last") " "
    "FROM (SELECT inode, principal, sum(times)::bigint AS times, max(last) AS last FROM reads "
    "WHERE volume = $1::bigint AND day >= "
    "(clock_timestamp() AT TIME ZONE 'UTC')::date - $2::int GROUP BY inode, principal) r "
    "LEFT JOIN LATERAL (SELECT path FROM dentries WHERE volume = $1::bigint "
    "AND inode = r.inode ORDER BY path LIMIT 1) d ON true "
    "LEFT JOIN LATERAL (SELECT path FROM changes WHERE volume = $1::bigint "
    "AND inode = r.inode ORDER BY seq DESC LIMIT 1) c ON d.path IS NULL "
    "WHERE $3::text = '/' OR coalesce(d.path, c.path) = $3::text "
    "OR starts_with(coalesce(d.path, c.path), $3::text || '/') "
    "ORDER BY r.times DESC, 1, 2 LIMIT $4::bigint"};

bool may_audit(const Caller& caller) {
  return caller.admin || caller.token == 0;
}

Error only_admins() {
  return Error{Code::no_access, "the audit is for administrators: ask yours, or for their token"};
}

Error no_volume_named(std::string_view name) {
  return Error{Code::not_found,
               "there is no volume \"" + std::string(name) +
                   "\": names are organisation/volume, as in acme/skills",
               std::string(name)};
}

Params add_range(Params params, const SealQuery& query) {
  const std::int64_t upto = query.upto ? static_cast<std::int64_t>(query.upto.value)
                                       : std::numeric_limits<std::int64_t>::max();
  return params.int8(query.after.value).int8(upto).int8(std::uint64_t{kSealsPerCheck});
}

// One page of seals, in order; stops at the first fault.
SealCheck read_seals(const Rows& rows) {
  SealCheck found;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const Seq first{rows.count(row, 1)};
    if (!rows.null(row, 3)) {
      found.broken_at = first;
      found.fault = rows.text(row, 3);
      return found;
    }
    if (found.seals++ == 0) found.first = first;
    found.last = Seq{rows.count(row, 0)};
    found.digest = rows.digest(row, 2);
  }
  found.more = rows.size() == kSealsPerCheck;
  return found;
}

}  // namespace

Result<VolumeId> PgAudit::administered(const Call& call, std::string_view name) {
  if (!may_audit(call.caller)) return only_admins();
  const std::size_t slash = name.find('/');
  if (slash == std::string_view::npos || !is_text(name)) return no_volume_named(name);
  auto rows = pool_.run(
      kVolume, Params().bytes(name.substr(0, slash)).bytes(name.substr(slash + 1)), call.deadline);
  if (!rows) return rows.error();
  const std::uint64_t own = call.caller.organisation;
  if (rows->empty() || (own != 0 && rows->count(0, 1) != own)) return no_volume_named(name);
  return VolumeId{rows->count(0, 0)};
}

Result<SealCheck> PgAudit::check_log(const Call& call, std::string_view volume,
                                     const SealQuery& query) {
  auto id = administered(call, volume);
  if (!id) return id.error();
  auto rows = pool_.run(kSeals, add_range(Params().int8(id->value), query), call.deadline);
  if (!rows) return rows.error();
  SealCheck found = read_seals(*rows);
  if (query.contents && found.seals > 0) {
    if (auto looked = check_contents(call, *id, found); !looked) return looked.error();
  }
  return found;
}

Status PgAudit::check_contents(const Call& call, VolumeId volume, SealCheck& found) {
  auto rows = pool_.run(kContents,
                        Params().int8(volume.value).int8(found.first.value).int8(found.last.value),
                        call.deadline);
  if (!rows) return rows.error();
  if (rows->empty()) return success();
  found.broken_at = Seq{rows->count(0, 0)};
  found.fault = "the bytes of " + rows->name(0, 1) + " are not those that were written";
  return success();
}

Result<SealCheck> PgAudit::check_refusals(const Call& call, const SealQuery& query) {
  if (!may_audit(call.caller) || call.caller.organisation != 0) {
    return Error{Code::no_access,
                 "the record of refusals is one for all organisations: only the site's "
                 "administrator checks it"};
  }
  auto rows = pool_.run(kRefusalSeals, add_range(Params(), query), call.deadline);
  if (!rows) return rows.error();
  return read_seals(*rows);
}

Result<std::vector<Refusal>> PgAudit::refusals(const Call& call, const RefusalQuery& query) {
  if (!may_audit(call.caller)) return only_admins();
  const Error none{Code::not_found, "there is no organisation \"" + query.organisation + "\"",
                   query.organisation};
  if (!is_text(query.organisation)) return none;
  auto organisation = pool_.run(kOrganisation, Params().bytes(query.organisation), call.deadline);
  if (!organisation) return organisation.error();
  const std::uint64_t own = call.caller.organisation;
  if (organisation->empty() || (own != 0 && organisation->count(0, 0) != own)) return none;
  auto rows = pool_.run(kRefusals,
                        Params()
                            .int8(organisation->count(0, 0))
                            .int8(query.before)
                            .int8(std::int64_t{std::clamp(query.limit, 1U, kPageEntriesMax)}),
                        call.deadline);
  if (!rows) return rows.error();
  std::vector<Refusal> found;
  for (std::size_t row = 0; row < rows->size(); ++row) {
    found.push_back({rows->count(row, 0), rows->text(row, 1), rows->text(row, 2),
                     rows->count(row, 3), SessionId{rows->uuid(row, 4)}, rows->text(row, 5),
                     rows->text(row, 6), rows->text(row, 7), rows->count(row, 8),
                     Timestamp{rows->number(row, 9)}, Timestamp{rows->number(row, 10)}});
  }
  return found;
}

Result<std::vector<ReadCount>> PgAudit::reads(const Call& call, const ReadQuery& query) {
  auto id = administered(call, query.volume);
  if (!id) return id.error();
  if (auto good = check_path(query.below); !good) return good.error();
  auto rows = pool_.run(kReads,
                        Params()
                            .int8(id->value)
                            .int4(static_cast<std::int32_t>(std::min(query.days, kReadDaysMax)))
                            .name(query.below)
                            .int8(std::int64_t{std::clamp(query.limit, 1U, kPageEntriesMax)}),
                        call.deadline);
  if (!rows) return rows.error();
  std::vector<ReadCount> found;
  for (std::size_t row = 0; row < rows->size(); ++row) {
    found.push_back({rows->name(row, 0), rows->text(row, 1), rows->count(row, 2),
                     Timestamp{rows->number(row, 3)}});
  }
  return found;
}

}  // namespace outboard::server
