// PgTokens: secrets to Callers, from the table of tokens, and for bound ones from their principal's
// standing grants. Remembers an answer for kTokenCacheFor, or until it is told to forget: a server
// hears at once of what is revoked or withdrawn. Every commit checks its token again.
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
  // Something that tokens stand for has changed.
  void forget();

 private:
  struct Known {
    Caller caller;
    Moment until;
  };
  struct Memory {
    std::map<Sha256, Known> callers;
    std::uint64_t forgotten = 0;  // how often
  };
  ConnectionPool& pool_;
  const Clock& clock_;
  Guarded<Memory> known_;
};

}  // namespace outboard::server
