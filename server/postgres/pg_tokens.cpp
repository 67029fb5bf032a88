#include "server/postgres/pg_tokens.h"

#include <charconv>

#include "core/limits.h"

namespace outboard::server {
namespace {

constexpr Sql kRead{
    "tokens_read",
    "SELECT t.id, t.organisation, t.principal, t.admin, t.session, t.turn, t.op, t.epoch, "
    "t.generation, g.volume, g.prefix, g.writable, g.token, "
    "(SELECT array_to_string(array_agg(p.volume || ':' || p.seq), ' ') FROM token_pins p "
    "WHERE p.token = t.id) "
    "FROM tokens t LEFT JOIN token_grants g ON g.token = t.id "
    "WHERE t.digest = $1::bytea AND t.revoked IS NULL AND t.expires > clock_timestamp()"};

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
  for (std::size_t row = 0; row < rows.size() && !rows.null(row, 12); ++row) {
    caller.grants.push_back(
        Grant{VolumeId{rows.count(row, 9)}, rows.text(row, 10), rows.flag(row, 11)});
  }
  caller.pins = read_pins(rows.bytes(0, 13));
  return caller;
}

}  // namespace

Result<Caller> PgTokens::read(std::string_view secret, Moment deadline) {
  const Sha256 digest = sha256(secret);
  const Moment now = clock_.now();
  auto remembered = known_.with([&](const auto& known) -> std::optional<Caller> {
    const auto found = known.find(digest);
    if (found == known.end() || found->second.until <= now) return std::nullopt;
    return found->second.caller;
  });
  if (remembered) return *std::move(remembered);
  const std::string_view raw(reinterpret_cast<const char*>(digest.bytes.data()),
                             digest.bytes.size());
  auto rows = pool_.run(kRead, Params().bytes(raw), deadline);
  if (!rows) return rows.error();
  if (rows->empty()) {
    known_.with([&](auto& known) { known.erase(digest); });
    return Error{
        Code::unauthenticated,
        "the token is unknown, expired or revoked: ask whoever gave it to you for a new one"};
  }
  Caller caller = read_caller(*rows);
  known_.with([&](auto& known) {
    if (known.size() >= kTokenCacheMax) known.clear();
    known[digest] = Known{caller, now + kTokenCacheFor};
  });
  return caller;
}

void PgTokens::measure(Figures& to) const {
  const std::size_t known = known_.with([](const auto& all) { return all.size(); });
  to.level("outboard_tokens_cached", "Verified tokens that are remembered.",
           static_cast<double>(known));
}

}  // namespace outboard::server
