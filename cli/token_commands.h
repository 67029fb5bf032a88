// token: mint, list, revoke. A secret is shown once, or goes to a file that only its owner reads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/context.h"

namespace outboard::cli {

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

}  // namespace outboard::cli
