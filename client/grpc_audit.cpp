#include "client/grpc_audit.h"

#include "client/channel.h"
#include "outboard/v1/audit.grpc.pb.h"
#include "proto/convert_audit.h"

namespace outboard::client {
namespace {

using Stub = v1::AuditService::Stub;

}  // namespace

struct GrpcAudit::Parts {
  explicit Parts(std::unique_ptr<Channel> opened)
      : channel(std::move(opened)), stub(v1::AuditService::NewStub(channel->channel())) {}

  template <class Request, class Response>
  Status ask(const Call& call,
             grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
             const Request& request, Response* response) {
    return client::ask(*channel, bounded(call.deadline, kCallDeadlineMax), Again::yes,
                       [&](grpc::ClientContext& context) {
                         return (stub.get()->*method)(&context, request, response);
                       });
  }

  std::unique_ptr<Channel> channel;
  std::unique_ptr<Stub> stub;
};

Result<std::unique_ptr<GrpcAudit>> GrpcAudit::connect(const ChannelConfig& config,
                                                      Moment deadline) {
  auto channel = Channel::connect(config, deadline);
  if (!channel) return channel.error();
  return std::unique_ptr<GrpcAudit>(new GrpcAudit(std::make_unique<Parts>(*std::move(channel))));
}

GrpcAudit::GrpcAudit(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
GrpcAudit::~GrpcAudit() = default;

Result<SealCheck> GrpcAudit::check_log(const Call& call, std::string_view volume,
                                       const SealQuery& query) {
  v1::CheckLogRequest request;
  request.set_volume(std::string(volume));
  request.set_after(query.after.value);
  request.set_upto(query.upto.value);
  request.set_contents(query.contents);
  v1::CheckSealsResponse response;
  const Status asked = parts_->ask(call, &Stub::CheckLog, request, &response);
  if (!asked) return asked.error();
  wire::Faults faults;
  return faults.or_error(wire::read(response, faults));
}

Result<SealCheck> GrpcAudit::check_refusals(const Call& call, const SealQuery& query) {
  v1::CheckRefusalsRequest request;
  request.set_after(query.after.value);
  request.set_upto(query.upto.value);
  v1::CheckSealsResponse response;
  const Status asked = parts_->ask(call, &Stub::CheckRefusals, request, &response);
  if (!asked) return asked.error();
  wire::Faults faults;
  return faults.or_error(wire::read(response, faults));
}

Result<std::vector<Refusal>> GrpcAudit::refusals(const Call& call, const RefusalQuery& query) {
  v1::ListRefusalsRequest request;
  request.set_organisation(query.organisation);
  request.set_before(query.before);
  request.set_limit(query.limit);
  v1::ListRefusalsResponse response;
  const Status asked = parts_->ask(call, &Stub::ListRefusals, request, &response);
  if (!asked) return asked.error();
  wire::Faults faults;
  std::vector<Refusal> found;
  for (const auto& one : response.refusals()) found.push_back(wire::read(one, faults));
  return faults.or_error(std::move(found));
}

Result<std::vector<ReadCount>> GrpcAudit::reads(const Call& call, const ReadQuery& query) {
  v1::ListReadsRequest request;
  request.set_volume(query.volume);
  request.set_below(query.below);
  request.set_days(query.days);
  request.set_limit(query.limit);
  v1::ListReadsResponse response;
  const Status asked = parts_->ask(call, &Stub::ListReads, request, &response);
  if (!asked) return asked.error();
  wire::Faults faults;
  std::vector<ReadCount> found;
  for (const auto& one : response.reads()) found.push_back(wire::read(one, faults));
  return faults.or_error(std::move(found));
}

}  // namespace outboard::client
