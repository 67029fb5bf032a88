// Roster: who belongs to an organisation and what they may: service accounts, groups, standing
// grants, and how people and organisations leave. Spoken on both sides of the wire, as core/admin.h
// is, and under the same rights. PgRoster serves it, GrpcRoster calls it.
//
// A standing grant holds for as long as it stands: tokens that are bound to their principal's
// grants (core/admin.h) lose within a second what is withdrawn, live streams included.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/admin.h"

namespace outboard {

// What a standing grant lets its holder do; each but the last two includes those above it.
enum class Mode : std::uint8_t {
  read,
  write,
  manage,      // a volume's settings too, its publishing and restoring; at the prefix "/" only
  audit,       // read the log of every volume of the organisation, and nothing else
  administer,  // the organisation: people, volumes, grants, tokens
};

struct Group {
  std::string organisation;
  std::string name;
  Timestamp created;
  std::vector<std::string> members;  // users and service accounts, by name

  friend bool operator==(const Group&, const Group&) = default;
};

// audit and administer are for the whole organisation: `volumes` is "*" and `prefix` "/".
struct StandingGrant {
  std::uint64_t id = 0;  // its number; 0: not given yet
  std::string organisation;
  std::string holder;  // a user or service account, or a group when `to_group`
  bool to_group = false;
  std::string volumes;  // "skills", "team-*", "*"; "~@/memory": the holder's own
  std::string prefix = "/";
  Mode mode = Mode::read;
  std::string given_by;  // filled in by the server
  Timestamp created;

  friend bool operator==(const StandingGrant&, const StandingGrant&) = default;
};

// What becomes of the volumes of a user who leaves ("acme/~ada/…").
enum class Fate : std::uint8_t {
  keep,       // they stay under their names, for administrators
  hand_over,  // to another user: "~ada/memory" becomes "~bob/from-ada/memory"
  remove,     // with their whole history; not to be undone
};

// What went, or would go.
struct Departure {
  bool done = false;         // false: this only says what would go
  std::string code;          // with done = false, of an organisation: say it to go on
  std::uint64_t tokens = 0;  // revoked
  std::uint64_t users = 0;   // service accounts too
  std::uint64_t sessions = 0;
  std::uint64_t bytes = 0;               // of the volumes removed, as they are now
  std::vector<std::string> removed;      // volumes
  std::vector<std::string> handed_over;  // volumes, under their new names
  std::vector<std::string> kept;         // volumes

  friend bool operator==(const Departure&, const Departure&) = default;
};

class Roster {
 public:
  virtual ~Roster() = default;

  // A principal for programs; as a user in all but that nobody signs in as one.
  virtual Result<User> create_service(const Call& call, std::string_view organisation,
                                      std::string_view name) = 0;
  virtual Result<std::vector<User>> services(const Call& call, std::string_view organisation) = 0;

  virtual Result<Group> create_group(const Call& call, std::string_view organisation,
                                     std::string_view name) = 0;
  // With its grants.
  virtual Status remove_group(const Call& call, std::string_view organisation,
                              std::string_view name) = 0;
  virtual Result<std::vector<Group>> groups(const Call& call, std::string_view organisation) = 0;
  // Saying either twice does no harm.
  virtual Status add_member(const Call& call, std::string_view organisation, std::string_view group,
                            std::string_view principal) = 0;
  virtual Status remove_member(const Call& call, std::string_view organisation,
                               std::string_view group, std::string_view principal) = 0;

  // Never more than the caller has itself. `exists`: the same grant stands already.
  virtual Result<StandingGrant> give(const Call& call, const StandingGrant& grant) = 0;
  virtual Status withdraw(const Call& call, std::string_view organisation, std::uint64_t id) = 0;
  virtual Result<std::vector<StandingGrant>> grants(const Call& call,
                                                    std::string_view organisation) = 0;

  // Revokes all the person's tokens with all that came of them, then removes the person. What they
  // wrote keeps their name. `heir`: with Fate::hand_over.
  virtual Result<Departure> remove_user(const Call& call, std::string_view organisation,
                                        std::string_view name, Fate fate,
                                        std::string_view heir) = 0;
  // With an empty `code` nothing is done: the answer says what would go and names the code, good
  // for kRemovalCodeLife. With it the organisation goes, with everything of its; not to be undone.
  // Only the site's administrator.
  virtual Result<Departure> remove_organisation(const Call& call, std::string_view name,
                                                std::string_view code) = 0;
};

}  // namespace outboard
