// PgReadiness: asks Postgres whether writes can be done there, on a connection of its own, so that
// an exhausted pool does not look like a database that is away.
//
// Used by one thread.
#pragma once

#include <memory>
#include <string>

#include "server/postgres/connection.h"
#include "server/readiness.h"

namespace outboard::server {

class PgReadiness final : public Readiness {
 public:
  // `migrations`: how many this server knows.
  PgReadiness(std::string url, std::size_t migrations)
      : url_(std::move(url)), migrations_(migrations) {}

  Status ready(Moment until) override;

 private:
  const std::string url_;
  const std::size_t migrations_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace outboard::server
