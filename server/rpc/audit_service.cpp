#include "server/rpc/audit_service.h"

#include "proto/convert_audit.h"

namespace outboard::server {
namespace {

Status answered(const Result<SealCheck>& found, v1::CheckSealsResponse* response) {
  if (!found) return found.error();
  wire::write(*found, response);
  return success();
}

std::uint32_t page_limit(std::uint32_t asked) {
  return asked == 0 ? kPageEntriesMax : asked;
}

}  // namespace

grpc::ServerUnaryReactor* AuditService::CheckLog(Context* context,
                                                 const v1::CheckLogRequest* request,
                                                 v1::CheckSealsResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) {
    const SealQuery query{Seq{request->after()}, Seq{request->upto()}, request->contents()};
    return answered(audit_.check_log(call, request->volume(), query), response);
  });
}

grpc::ServerUnaryReactor* AuditService::CheckRefusals(Context* context,
                                                      const v1::CheckRefusalsRequest* request,
                                                      v1::CheckSealsResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) {
    const SealQuery query{Seq{request->after()}, Seq{request->upto()}, false};
    return answered(audit_.check_refusals(call, query), response);
  });
}

grpc::ServerUnaryReactor* AuditService::ListRefusals(Context* context,
                                                     const v1::ListRefusalsRequest* request,
                                                     v1::ListRefusalsResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) -> Status {
    auto found = audit_.refusals(
        call, {request->organisation(), request->before(), page_limit(request->limit())});
    if (!found) return found.error();
    for (const Refusal& refusal : *found) wire::write(refusal, response->add_refusals());
    return success();
  });
}

grpc::ServerUnaryReactor* AuditService::ListReads(Context* context,
                                                  const v1::ListReadsRequest* request,
                                                  v1::ListReadsResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) -> Status {
    const std::string below = request->below().empty() ? "/" : request->below();
    auto found = audit_.reads(
        call, {request->volume(), below, request->days(), page_limit(request->limit())});
    if (!found) return found.error();
    for (const ReadCount& count : *found) wire::write(count, response->add_reads());
    return success();
  });
}

}  // namespace outboard::server
