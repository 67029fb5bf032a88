// PgTokens: secrets to Callers, from the table of tokens. Remembers an answer for kTokenCacheFor,
// so a revocation takes effect within that time; every commit checks its token again.
//
// Any thread may call.
#pragma once

#include <map>

#include "core/counters.h"
#include "core/digest.h"
#include "core/guarded.h"
#include "server/postgres/connection_pool.h"
#include "server/token_reader.h"

namespace outboard::server {

class PgTokens final : public TokenReader {
 public:
  PgTokens(ConnectionPool& pool, const Clock& clock) : pool_(pool), clock_(clock) {}

  Result<Caller> read(std::string_view secret, Moment deadline) override;
  void measure(Figures& to) const;

 private:
  struct Known {
    Caller caller;
    Moment until;
  };
  ConnectionPool& pool_;
  const Clock& clock_;
  Guarded<std::map<Sha256, Known>> known_;
};

}  // namespace outboard::server
