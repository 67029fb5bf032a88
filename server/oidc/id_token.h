// IdToken: what an OIDC ID token (RFC 7519) says, once its signature and its claims are good.
#pragma once

#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/result.h"
#include "server/oidc/key_set.h"

namespace outboard::server::oidc {

// What a token must say.
struct Expected {
  std::string issuer;      // its `iss`
  std::string audience;    // its `aud`, or one of them
  std::string user_claim;  // must be there; its value is the answer
};

// The id of the key that is said to have signed it; empty: it names none. unauthenticated: no JWT.
// Nothing of it is believed yet.
Result<std::string> key_id_of(std::string_view token);

// The value of the user's claim. unauthenticated: not signed by one of `keys`, by or for somebody
// else, not valid yet or any more, or without the claim; the message says which.
Result<std::string> read_id_token(std::string_view token, const KeySet& keys,
                                  const Expected& expected, Timestamp now);

}  // namespace outboard::server::oidc
