// TokenReader: from the secret that a request carries to the Caller it stands for.
//
// server/rpc asks it for each request and each stream; PgTokens answers from the database (and
// remembers for kTokenCacheFor), tests answer from a table.
#pragma once

#include <string_view>

#include "core/call.h"
#include "core/result.h"

namespace outboard::server {

class TokenReader {
 public:
  virtual ~TokenReader() = default;
  // unauthenticated: unknown, expired or revoked. Never says which part was wrong.
  virtual Result<Caller> read(std::string_view secret, Moment deadline) = 0;
};

}  // namespace outboard::server
