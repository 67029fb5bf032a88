#include "server/postgres/pg_tokens.h"

#include <algorithm>
#include <charconv>

#include "core/limits.h"
#include "core/path.h"
#include "core/roster.h"
#include "core/scope.h"

namespace outboard::server {
namespace {

constexpr Sql kRead{
    "tokens_read",
    "SELECT t.id, t.organisation, t.principal, t.admin, t.session, t.turn, t.op, t.epoch, "
    "t.generation, t.bound, t.limited, g.volume, g.prefix, g.writable, g.manage, v.name, g.token, "
    "(SELECT array_to_string(array_agg(p.volume || ':' || p.seq), ' ') FROM token_pins p "
    "WHERE p.token = t.id), (extract(epoch FROM t.expires) * 1000000)::bigint * 1000 "
    "FROM tokens t LEFT JOIN token_grants g ON g.token = t.id "
    "LEFT JOIN volumes v ON v.id = g.volume "
    "WHERE t.digest = $1::bytea AND t.revoked IS NULL AND t.expires > clock_timestamp() "
    "ORDER BY g.volume, g.prefix, g.writable"};
// Of the principal and its groups. A name without `*` and `~@` is that of one volume.
constexpr Sql kStanding{
    "tokens_standing",
    "SELECT g.volumes, g.prefix, g.mode, v.id FROM principals p "
    "JOIN grants g ON g.organisation = p.organisation AND (g.principal = p.id OR g.to_group IN "
    "(SELECT m.member_of FROM group_members m WHERE m.principal = p.id)) "
    "LEFT JOIN volumes v ON v.organisation = p.organisation AND v.name = g.volumes "
    "WHERE p.organisation = $1::bigint AND p.name = $2::text ORDER BY g.id LIMIT $3::bigint"};

// A grant of the token itself, and the name of its volume.
struct Own {
  Grant grant;
  std::string name;
};

// "7:120 9:14", as pairs of a volume and a seq.
std::vector<Pin> read_pins(std::string_view text) {
  std::vector<Pin> pins;
  const auto number = [&text](char behind) {
    std::uint64_t value = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()));
    if (text.starts_with(behind)) text.remove_prefix(1);
    return value;
  };
  while (!text.empty()) {
    Pin pin;
    pin.volume = VolumeId{number(':')};
    pin.seq = Seq{number(' ')};
    if (!pin.volume) break;
    pins.push_back(pin);
  }
  return pins;
}

Caller read_caller(const Rows& rows) {
  Caller caller;
  caller.token = rows.count(0, 0);
  caller.organisation = rows.count(0, 1);
  caller.principal = rows.text(0, 2);
  caller.admin = rows.flag(0, 3);
  caller.session = SessionId{rows.uuid(0, 4)};
  caller.turn = rows.count(0, 5);
  caller.op = OpId{rows.uuid(0, 6)};
  caller.epoch = Epoch{rows.count(0, 7)};
  caller.generation = Generation{rows.count(0, 8)};
  caller.pins = read_pins(rows.bytes(0, 17));
  caller.bound = rows.flag(0, 9);
  caller.expires = Timestamp{rows.number(0, 18)};
  return caller;
}

std::vector<Own> read_own(const Rows& rows) {
  std::vector<Own> own;
  for (std::size_t row = 0; row < rows.size() && !rows.null(row, 16); ++row) {
    own.push_back({Grant{VolumeId{rows.count(row, 11)}, rows.name(row, 12), rows.flag(row, 13),
                         rows.flag(row, 14)},
                   rows.text(row, 15)});
  }
  return own;
}

// What both allow, if anything.
std::optional<Grant> common(const Own& own, const Grant& standing, std::string_view principal) {
  Grant both = standing;
  if (own.grant.volume) {
    if (standing.volume && standing.volume != own.grant.volume) return std::nullopt;
    const std::string& pattern = standing.pattern;
    if (!pattern.empty() && !pattern_covers(pattern, own.name, principal)) return std::nullopt;
    both.volume = own.grant.volume;
    both.pattern.clear();
  }
  if (is_within(own.grant.prefix, standing.prefix)) {
    both.prefix = own.grant.prefix;
  } else if (!is_within(standing.prefix, own.grant.prefix)) {
    return std::nullopt;
  }
  both.write = standing.write && own.grant.write;
  both.manage = standing.manage && own.grant.manage && both.prefix == "/";
  return both;
}

// What a bound token has of its own.
struct Limits {
  bool limited = false;  // it allows no more than `own`
  std::vector<Own> own;
};

// Adds one standing grant to what a bound token allows. One that is limited has no part in looking
// after the organisation.
void add_standing(Caller& caller, const Limits& limits, const Grant& grant, Mode mode) {
  if (mode == Mode::audit) {
    caller.auditor = caller.auditor || !limits.limited;
    return;
  }
  if (mode == Mode::administer) caller.admin = caller.admin || !limits.limited;
  if (!limits.limited) caller.grants.push_back(grant);
  const std::vector<Own>& own = limits.own;
  for (const Own& one : own) {
    if (auto both = common(one, grant, caller.principal)) {
      caller.grants.push_back(*std::move(both));
    }
  }
}

void add_all_standing(Caller& caller, const Limits& limits, const Rows& rows) {
  caller.admin = false;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const std::string volumes = rows.text(row, 0);
    const Mode mode = static_cast<Mode>(rows.number(row, 2));
    Grant grant{VolumeId{rows.count(row, 3)}, rows.name(row, 1), mode != Mode::read,
                mode == Mode::manage || mode == Mode::administer};
    const bool named = is_volume_name(volumes);
    if (named && !grant.volume) continue;  // there is no such volume, or not any more
    if (!named && volumes != "*") grant.pattern = volumes;
    add_standing(caller, limits, grant, mode);
  }
}

}  // namespace

void PgTokens::forget() {
  known_.with([](Memory& memory) {
    memory.callers.clear();
    ++memory.forgotten;
  });
}

Result<Caller> PgTokens::read(std::string_view secret, Moment deadline) {
  const Sha256 digest = sha256(secret);
  const Moment now = clock_.now();
  std::uint64_t forgotten = 0;
  auto remembered = known_.with([&](const Memory& memory) -> std::optional<Caller> {
    forgotten = memory.forgotten;
    const auto found = memory.callers.find(digest);
    if (found == memory.callers.end() || found->second.until <= now) return std::nullopt;
    return found->second.caller;
  });
  if (remembered) return *std::move(remembered);
  const std::string_view raw(reinterpret_cast<const char*>(digest.bytes.data()),
                             digest.bytes.size());
  auto rows = pool_.run(kRead, Params().bytes(raw), deadline);
  if (!rows) return rows.error();
  if (rows->empty()) {
    known_.with([&](Memory& memory) { memory.callers.erase(digest); });
    return Error{
        Code::unauthenticated,
        "the token is unknown, expired or revoked: ask whoever gave it to you for a new one"};
  }
  Caller caller = read_caller(*rows);
  const Limits limits{rows->flag(0, 10), read_own(*rows)};
  if (!caller.bound) {
    for (const Own& one : limits.own) caller.grants.push_back(one.grant);
  } else {
    auto standing = pool_.run(kStanding,
                              Params()
                                  .int8(caller.organisation)
                                  .bytes(caller.principal)
                                  .int8(static_cast<std::uint64_t>(kTokenGrantsMax)),
                              deadline);
    if (!standing) return standing.error();
    add_all_standing(caller, limits, *standing);
  }
  known_.with([&](Memory& memory) {
    if (memory.forgotten != forgotten) return;  // what was read may be older than what has changed
    if (memory.callers.size() >= kTokenCacheMax) memory.callers.clear();
    memory.callers[digest] = Known{caller, now + kTokenCacheFor};
  });
  return caller;
}

void PgTokens::measure(Figures& to) const {
  const std::size_t known = known_.with([](const Memory& memory) { return memory.callers.size(); });
  to.level("outboard_tokens_cached", "Verified tokens that are remembered.",
           static_cast<double>(known));
}

}  // namespace outboard::server
