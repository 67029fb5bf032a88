// token: mint, list, revoke. A secret is shown once, or goes to a file that only its owner reads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/context.h"

namespace outboard::cli {

// Without grants and without admin: bound to what the user's standing grants allow.
struct MintOptions {
  std::string user;                 // "acme/ada"
  std::vector<std::string> grants;  // "acme/skills:ro"
  bool admin = false;
  std::string life;     // "12h"; empty: the default
  std::string to_file;  // empty: to standard output
};
Status mint_token(Context& context, const MintOptions& options);
// Revoked and expired ones only with `all`.
Status list_tokens(Context& context, const std::string& organisation, bool all);
Status revoke_token(Context& context, std::uint64_t id);
// `life` as "12h"; empty: the default.
Status renew_token(Context& context, std::uint64_t id, const std::string& life);

// From an OIDC ID token in a file ("-": from standard input) to a token of ours.
Status log_in(Context& context, const std::string& id_token_file, const std::string& to_file);

}  // namespace outboard::cli
