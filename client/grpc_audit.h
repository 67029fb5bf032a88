// GrpcAudit: the Audit interface of a server somewhere else. Calls AuditService over one channel.
//
// All are questions: asked again after `unavailable` until their deadline. Any thread may call.
#pragma once

#include <memory>

#include "client/channel_config.h"
#include "core/audit.h"

namespace outboard::client {

class GrpcAudit final : public Audit {
 public:
  // As GrpcStore::connect.
  static Result<std::unique_ptr<GrpcAudit>> connect(const ChannelConfig& config, Moment deadline);
  ~GrpcAudit() override;
  GrpcAudit(const GrpcAudit&) = delete;
  GrpcAudit& operator=(const GrpcAudit&) = delete;

  Result<SealCheck> check_log(const Call& call, std::string_view volume,
                              const SealQuery& query) override;
  Result<SealCheck> check_refusals(const Call& call, const SealQuery& query) override;
  Result<std::vector<Refusal>> refusals(const Call& call, const RefusalQuery& query) override;
  Result<std::vector<ReadCount>> reads(const Call& call, const ReadQuery& query) override;

 private:
  struct Parts;
  explicit GrpcAudit(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace outboard::client
