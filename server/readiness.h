// Readiness: whether the server could answer a request now.
//
// Postgres says it of itself (PgReadiness); server/rpc asks every kReadinessInterval and tells
// those who ask the standard health service, load balancers above all.
#pragma once

#include "core/clock.h"
#include "core/result.h"

namespace outboard::server {

class Readiness {
 public:
  virtual ~Readiness() = default;
  // An Error says why not: unavailable (the database is away or a standby), unsupported (its schema
  // is newer than this server).
  virtual Status ready(Moment until) = 0;
};

}  // namespace outboard::server
