// AuditService: core/audit.h on the wire. As StoreService.
#pragma once

#include "core/audit.h"
#include "outboard/v1/audit.grpc.pb.h"
#include "server/rpc/desk.h"

namespace outboard::server {

class AuditService final : public v1::AuditService::CallbackService {
 public:
  AuditService(Desk& desk, Audit& audit) : desk_(desk), audit_(audit) {}

  using Context = grpc::CallbackServerContext;
  using Unary = grpc::ServerUnaryReactor;

  Unary* CheckLog(Context* context, const v1::CheckLogRequest* request,
                  v1::CheckSealsResponse* response) override;
  Unary* CheckRefusals(Context* context, const v1::CheckRefusalsRequest* request,
                       v1::CheckSealsResponse* response) override;
  Unary* ListRefusals(Context* context, const v1::ListRefusalsRequest* request,
                      v1::ListRefusalsResponse* response) override;
  Unary* ListReads(Context* context, const v1::ListReadsRequest* request,
                   v1::ListReadsResponse* response) override;

 private:
  Desk& desk_;
  Audit& audit_;
};

}  // namespace outboard::server
