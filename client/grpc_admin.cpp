#include "client/grpc_admin.h"

#include "client/channel.h"
#include "client/reading.h"
#include "outboard/v1/admin.grpc.pb.h"

namespace outboard::client {
namespace {

using wire::Faults;
using Stub = v1::AdminService::Stub;

}  // namespace

struct GrpcAdmin::Parts : Peer<v1::AdminService> {
  using Peer::Peer;
};

Result<std::unique_ptr<GrpcAdmin>> GrpcAdmin::connect(const ChannelConfig& config,
                                                      Moment deadline) {
  auto channel = Channel::connect(config, deadline);
  if (!channel) return channel.error();
  return std::unique_ptr<GrpcAdmin>(new GrpcAdmin(std::make_unique<Parts>(*std::move(channel))));
}

GrpcAdmin::GrpcAdmin(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
GrpcAdmin::~GrpcAdmin() = default;

Result<Organisation> GrpcAdmin::create_organisation(const Call& call, std::string_view name) {
  v1::CreateOrganisationRequest request;
  request.set_name(std::string(name));
  v1::CreateOrganisationResponse response;
  const Status asked = parts_->call(call, Again::no, &Stub::CreateOrganisation, request, &response);
  if (!asked) return asked.error();
  return read_one(response.organisation());
}

Result<std::vector<Organisation>> GrpcAdmin::organisations(const Call& call) {
  v1::ListOrganisationsResponse response;
  const Status asked = parts_->call(call, Again::yes, &Stub::ListOrganisations,
                                    v1::ListOrganisationsRequest(), &response);
  if (!asked) return asked.error();
  return read_list<Organisation>(response.organisations());
}

Result<User> GrpcAdmin::create_user(const Call& call, std::string_view organisation,
                                    std::string_view name) {
  v1::CreateUserRequest request;
  request.set_organisation(std::string(organisation));
  request.set_name(std::string(name));
  v1::CreateUserResponse response;
  const Status asked = parts_->call(call, Again::no, &Stub::CreateUser, request, &response);
  if (!asked) return asked.error();
  return read_one(response.user());
}

Result<std::vector<User>> GrpcAdmin::users(const Call& call, std::string_view organisation) {
  v1::ListUsersRequest request;
  request.set_organisation(std::string(organisation));
  v1::ListUsersResponse response;
  const Status asked = parts_->call(call, Again::yes, &Stub::ListUsers, request, &response);
  if (!asked) return asked.error();
  return read_list<User>(response.users());
}

Result<Volume> GrpcAdmin::create_volume(const Call& call, std::string_view name,
                                        const VolumeSettings& settings) {
  v1::CreateVolumeRequest request;
  request.set_name(std::string(name));
  wire::write(settings, request.mutable_settings());
  v1::CreateVolumeResponse response;
  const Status asked = parts_->call(call, Again::no, &Stub::CreateVolume, request, &response);
  if (!asked) return asked.error();
  return read_one(response.volume());
}

// Says the whole of the settings, so that saying it twice does no harm.
Result<Volume> GrpcAdmin::change_volume(const Call& call, std::string_view name,
                                        const VolumeSettings& settings) {
  v1::ChangeVolumeRequest request;
  request.set_name(std::string(name));
  wire::write(settings, request.mutable_settings());
  v1::ChangeVolumeResponse response;
  const Status asked = parts_->call(call, Again::yes, &Stub::ChangeVolume, request, &response);
  if (!asked) return asked.error();
  return read_one(response.volume());
}

// What was collected stays so: asking twice does no harm.
Result<Collected> GrpcAdmin::collect(const Call& call, std::string_view volume) {
  v1::CollectRequest request;
  request.set_volume(std::string(volume));
  v1::CollectResponse response;
  const Status asked = parts_->call(call, Again::yes, &Stub::Collect, request, &response);
  if (!asked) return asked.error();
  return Collected{std::string(volume), response.versions(), response.bytes(), response.changes(),
                   Seq{response.pruned()}};
}

Result<std::vector<Volume>> GrpcAdmin::volumes(const Call& call, std::string_view organisation) {
  v1::ListVolumesRequest request;
  request.set_organisation(std::string(organisation));
  v1::ListVolumesResponse response;
  const Status asked = parts_->call(call, Again::yes, &Stub::ListVolumes, request, &response);
  if (!asked) return asked.error();
  return read_list<Volume>(response.volumes());
}

Result<MintedToken> GrpcAdmin::mint_token(const Call& call, const TokenRequest& wanted) {
  v1::MintTokenRequest request;
  wire::write(wanted, &request);
  v1::MintTokenResponse response;
  const Status asked = parts_->call(call, Again::no, &Stub::MintToken, request, &response);
  if (!asked) return asked.error();
  Faults faults;
  MintedToken minted{wire::read(response.token(), faults), response.secret()};
  return faults.or_error(std::move(minted));
}

Result<TokenInfo> GrpcAdmin::renew_token(const Call& call, std::uint64_t id,
                                         std::chrono::seconds life) {
  v1::ExtendTokenRequest request;
  request.set_id(id);
  request.set_life_s(static_cast<std::uint64_t>(life.count()));
  v1::ExtendTokenResponse response;
  const Status asked = parts_->call(call, Again::yes, &Stub::ExtendToken, request, &response);
  if (!asked) return asked.error();
  return read_one(response.token());
}

Status GrpcAdmin::revoke_token(const Call& call, std::uint64_t id) {
  v1::RevokeTokenRequest request;
  request.set_id(id);
  v1::RevokeTokenResponse response;
  return parts_->call(call, Again::yes, &Stub::RevokeToken, request, &response);
}

Result<std::vector<TokenInfo>> GrpcAdmin::tokens(const Call& call, std::string_view organisation) {
  v1::ListTokensRequest request;
  request.set_organisation(std::string(organisation));
  v1::ListTokensResponse response;
  const Status asked = parts_->call(call, Again::yes, &Stub::ListTokens, request, &response);
  if (!asked) return asked.error();
  return read_list<TokenInfo>(response.tokens());
}

Result<Diagnosis> GrpcAdmin::examine(const Call& call) {
  v1::DiagnoseResponse response;
  const Status asked =
      parts_->call(call, Again::yes, &Stub::Diagnose, v1::DiagnoseRequest(), &response);
  if (!asked) return asked.error();
  return read_one(response);
}

}  // namespace outboard::client
