// KeySet: an issuer's public keys (RFC 7517), and whether one of them made a signature. Immutable.
//
// Only what can be checked with them is kept: RSA keys of 2,048 bits and more for RS256, keys on
// P-256 for ES256. Others of the set are passed over.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace outboard::server::oidc {

class KeySet {
 public:
  // invalid: not a JSON key set, or none of its keys is of use.
  static Result<KeySet> parse(std::string_view json);

  // Whether a key of that id is in it. Without an id: whether there is exactly one key.
  bool has(std::string_view id) const;
  // Whether that key made `signature` (as in a JWT, raw) of `text` with `algorithm`, "RS256" or
  // "ES256". False for everything else.
  bool verifies(std::string_view id, std::string_view algorithm, std::string_view text,
                std::string_view signature) const;

 private:
  struct Key;
  const Key* find(std::string_view id) const;

  std::vector<std::shared_ptr<const Key>> keys_;
};

}  // namespace outboard::server::oidc
