#include "client/grpc_revisions.h"

#include "client/channel.h"
#include "outboard/v1/revision.grpc.pb.h"
#include "proto/convert_revision.h"

namespace outboard::client {
namespace {

using wire::Faults;
using Stub = v1::RevisionService::Stub;

Result<Revision> read_one(const v1::Revision& message) {
  Faults faults;
  Revision revision = wire::read(message, faults);
  return faults.or_error(std::move(revision));
}

}  // namespace

struct GrpcRevisions::Parts : Peer<v1::RevisionService> {
  using Peer::Peer;
};

Result<std::unique_ptr<GrpcRevisions>> GrpcRevisions::connect(const ChannelConfig& config,
                                                              Moment deadline) {
  auto channel = Channel::connect(config, deadline);
  if (!channel) return channel.error();
  return std::unique_ptr<GrpcRevisions>(
      new GrpcRevisions(std::make_unique<Parts>(*std::move(channel))));
}

GrpcRevisions::GrpcRevisions(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
GrpcRevisions::~GrpcRevisions() = default;

Result<Revision> GrpcRevisions::submit(const Call& call, VolumeId volume,
                                       const Submission& submission) {
  v1::SubmitRequest request;
  request.set_volume(volume.value);
  request.set_name(submission.name);
  request.set_message(submission.message);
  v1::SubmitResponse response;
  const Status asked = parts_->call(call, Again::no, &Stub::Submit, request, &response);
  if (!asked) return asked.error();
  return read_one(response.revision());
}

Result<Revision> GrpcRevisions::review(const Call& call, VolumeId volume, std::uint64_t number,
                                       bool approve, std::string_view remark) {
  v1::ReviewRequest request;
  request.set_volume(volume.value);
  request.set_number(number);
  request.set_approve(approve);
  request.set_remark(std::string(remark));
  v1::ReviewResponse response;
  const Status asked = parts_->call(call, Again::no, &Stub::Review, request, &response);
  if (!asked) return asked.error();
  return read_one(response.revision());
}

Result<Revision> GrpcRevisions::publish(const Call& call, VolumeId volume, std::uint64_t number,
                                        const Submission& submission) {
  v1::PublishRequest request;
  request.set_volume(volume.value);
  request.set_number(number);
  request.set_name(submission.name);
  request.set_message(submission.message);
  v1::PublishResponse response;
  const Status asked = parts_->call(call, Again::no, &Stub::Publish, request, &response);
  if (!asked) return asked.error();
  return read_one(response.revision());
}

Result<Revision> GrpcRevisions::pin(const Call& call, VolumeId volume, std::uint64_t token,
                                    std::string_view revision) {
  v1::PinTokenRequest request;
  request.set_volume(volume.value);
  request.set_token(token);
  request.set_revision(std::string(revision));
  v1::PinTokenResponse response;
  const Status asked = parts_->call(call, Again::yes, &Stub::PinToken, request, &response);
  if (!asked) return asked.error();
  return read_one(response.revision());
}

Result<std::vector<Revision>> GrpcRevisions::list(const Call& call, VolumeId volume,
                                                  std::uint64_t before, std::uint32_t limit) {
  v1::ListRevisionsRequest request;
  request.set_volume(volume.value);
  request.set_before(before);
  request.set_limit(limit);
  v1::ListRevisionsResponse response;
  const Status asked = parts_->call(call, Again::yes, &Stub::ListRevisions, request, &response);
  if (!asked) return asked.error();
  Faults faults;
  std::vector<Revision> revisions;
  for (const auto& one : response.revisions()) revisions.push_back(wire::read(one, faults));
  return faults.or_error(std::move(revisions));
}

}  // namespace outboard::client
