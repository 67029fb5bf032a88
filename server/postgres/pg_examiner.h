// PgExaminer: what is to be said of the database and of the asking token: settings on which the
// promises stand, versions, connections, transactions left open.
//
// Any thread may ask.
#pragma once

#include "core/diagnosis.h"
#include "server/postgres/connection_pool.h"

namespace outboard::server {

class PgExaminer final : public Examiner {
 public:
  // `connections`: how many this server may open in all. `migrations`: how many it knows.
  PgExaminer(ConnectionPool& pool, const Clock& clock, std::size_t connections,
             std::size_t migrations)
      : pool_(pool), clock_(clock), connections_(connections), migrations_(migrations) {}

  Result<Diagnosis> examine(const Call& call) override;

 private:
  void token(const Call& call, Diagnosis& to);
  void server_clock(Timestamp before, Timestamp database, Diagnosis& to);
  void settings(const Call& call, Diagnosis& to);
  void transactions(const Call& call, Diagnosis& to);

  ConnectionPool& pool_;
  const Clock& clock_;
  const std::size_t connections_;
  const std::size_t migrations_;
};

}  // namespace outboard::server
