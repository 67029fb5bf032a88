// Admin: the other interface that is spoken on both sides of the wire, for those who look after an
// organisation: organisations, users, volumes, tokens. PgAdmin serves it, GrpcAdmin calls it.
//
// A caller administers the organisation of its token, and only when the token says `admin`; the
// site's administrator (organisation 0) administers all and alone may create organisations.
// Anything else is no_access; what belongs to another organisation is not_found.
//
// Names of organisations, users and volumes are slugs (check_slug), `exists` when taken.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/call.h"
#include "core/entry.h"
#include "core/limits.h"
#include "core/result.h"

namespace outboard {

struct Organisation {
  std::uint64_t id = 0;
  std::string name;
  Timestamp created;
};

struct User {
  std::string organisation;
  std::string name;
  Timestamp created;
};

struct VolumeSettings {
  Policy policy = Policy::last_writer;
  bool strict = false;               // publishes wait for the mounts [S7]
  std::uint64_t quota_bytes = 0;     // 0: none
  std::uint64_t quota_nodes = 0;     // 0: none
  std::uint64_t quota_versions = 0;  // kept versions of all files; 0: no limit
  Retention retention = {};
  std::optional<Strictness> skill_lint = {};  // unset: as default_skill_lint() says
  Strictness secret_scan = Strictness::off;
  std::string ignored = {};  // patterns, one a line: check_ignored()
  VolumeMode mode = VolumeMode::direct;
  bool second_reviewer = false;  // of a reviewed volume: two pairs of eyes
};

// A volume called skills refuses a broken SKILL.md unless told otherwise; no other looks.
Strictness default_skill_lint(std::string_view volume);

// What `volume` was set to: a change of one setting starts from here.
VolumeSettings settings_of(const Volume& volume);
// Sets on `volume`, whose name is known, what `settings` say.
void take_settings(Volume& volume, const VolumeSettings& settings);

// What one pass of the collection of old versions and changes took away.
struct Collected {
  std::string volume;
  std::uint64_t versions = 0;
  std::uint64_t bytes = 0;  // of their content
  std::uint64_t changes = 0;
  Seq pruned;  // the log now begins behind this
};

// "acme/skills:ro" as data.
struct GrantByName {
  std::string volume;        // "acme/skills"; "acme/*": all of the organisation
  std::string prefix = "/";  // at and below this path
  bool write = false;
  bool manage = false;  // may change the volume's settings too; needs the prefix "/"
};

struct TokenRequest {
  std::string organisation;
  std::string principal;            // a user of the organisation
  std::vector<GrantByName> grants;  // never more than the asking token's own
  bool admin = false;
  std::chrono::seconds life = kTokenLifeDefault;  // at most kTokenLifeMax
  SessionId session;                              // nil: not bound to one
  Epoch epoch;
  Generation generation;
  bool bound = false;  // narrowed, at every use, to what the principal's grants allow
};

struct TokenInfo {
  std::uint64_t id = 0;
  std::string organisation;
  std::string principal;
  std::vector<GrantByName> grants;
  bool admin = false;
  Timestamp created;
  Timestamp expires;
  bool revoked = false;
  bool bound = false;  // allows what the principal's grants allow, at most `grants`
};

struct MintedToken {
  TokenInfo info;
  std::string secret;  // shown once; the store keeps only its SHA-256
};

class Admin {
 public:
  virtual ~Admin() = default;

  virtual Result<Organisation> create_organisation(const Call& call, std::string_view name) = 0;
  virtual Result<std::vector<Organisation>> organisations(const Call& call) = 0;

  virtual Result<User> create_user(const Call& call, std::string_view organisation,
                                   std::string_view name) = 0;
  virtual Result<std::vector<User>> users(const Call& call, std::string_view organisation) = 0;

  // `name` with its organisation: "acme/skills". "acme/~ada/memory" needs the user ada.
  virtual Result<Volume> create_volume(const Call& call, std::string_view name,
                                       const VolumeSettings& settings) = 0;
  virtual Result<Volume> change_volume(const Call& call, std::string_view name,
                                       const VolumeSettings& settings) = 0;
  virtual Result<std::vector<Volume>> volumes(const Call& call, std::string_view organisation) = 0;

  // Applies the retention of one volume now, in steps that hold up no writer; what went.
  // unavailable: a server is at it already, or the deadline came: what was done stays done.
  virtual Result<Collected> collect(const Call& call, std::string_view volume) = 0;

  // The new token's parent is the caller's; it can only be narrower. Who is no administrator mints
  // for itself only. Without grants and without `admin` it is bound.
  virtual Result<MintedToken> mint_token(const Call& call, const TokenRequest& request) = 0;
  // Another `life` from now for a token that came of the caller's own (or, for an administrator, of
  // the organisation): same secret, so its holder need not be told. Not longer than its parent's.
  // not_found: unknown or revoked. One that has expired lives again.
  virtual Result<TokenInfo> renew_token(const Call& call, std::uint64_t id,
                                        std::chrono::seconds life) = 0;
  virtual Status revoke_token(const Call& call, std::uint64_t id) = 0;
  virtual Result<std::vector<TokenInfo>> tokens(const Call& call,
                                                std::string_view organisation) = 0;
};

}  // namespace outboard
