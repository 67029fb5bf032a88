// group, grant, service, user remove, org remove: who belongs to an organisation and what they may.
//
// Each prints what it did, or a listing (JSON with --json), and says why not as an Error.
#pragma once

#include <cstdint>
#include <string>

#include "cli/context.h"

namespace outboard::cli {

// Names are "acme/reviewers", "acme/ada".
Status create_group(Context& context, const std::string& group);
Status remove_group(Context& context, const std::string& group);
Status list_groups(Context& context, const std::string& organisation);
Status add_member(Context& context, const std::string& group, const std::string& principal);
Status remove_member(Context& context, const std::string& group, const std::string& principal);

Status create_service(Context& context, const std::string& service);
Status list_services(Context& context, const std::string& organisation);

struct GrantOptions {
  std::string holder;  // "acme/ada", "acme/group:reviewers"
  std::string what;    // "skills:ro", "team-*:rw", "skills:/team:rw"; empty with one of the next
  bool audit = false;
  bool administer = false;
};
Status give_grant(Context& context, const GrantOptions& options);
Status withdraw_grant(Context& context, const std::string& organisation, std::uint64_t id);
Status list_grants(Context& context, const std::string& organisation);

struct LeaveOptions {
  std::string user;  // "acme/ada"
  std::string fate;  // "keep", "hand-over", "remove"
  std::string heir;  // "bob", with hand-over
};
Status remove_user(Context& context, const LeaveOptions& options);
// Without a code it only says what would go.
Status remove_organisation(Context& context, const std::string& name, const std::string& code);

}  // namespace outboard::cli
