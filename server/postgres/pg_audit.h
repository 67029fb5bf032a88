// PgAudit: core/audit.h over Postgres. What is checked, and how, is in schema/0010_audit.sql: an
// auditor who has SQL alone checks the same.
//
// Any thread may call.
#pragma once

#include "core/audit.h"
#include "server/postgres/connection_pool.h"

namespace outboard::server {

class PgAudit final : public Audit {
 public:
  explicit PgAudit(ConnectionPool& pool) : pool_(pool) {}

  Result<SealCheck> check_log(const Call& call, std::string_view volume,
                              const SealQuery& query) override;
  Result<SealCheck> check_refusals(const Call& call, const SealQuery& query) override;
  Result<std::vector<Refusal>> refusals(const Call& call, const RefusalQuery& query) override;
  Result<std::vector<ReadCount>> reads(const Call& call, const ReadQuery& query) override;

 private:
  Result<VolumeId> administered(const Call& call, std::string_view volume);
  Status check_contents(const Call& call, VolumeId volume, SealCheck& found);

  ConnectionPool& pool_;
};

}  // namespace outboard::server
