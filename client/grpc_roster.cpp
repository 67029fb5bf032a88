#include "client/grpc_roster.h"

#include "client/channel.h"
#include "client/reading.h"
#include "outboard/v1/admin.grpc.pb.h"

namespace outboard::client {

using Stub = v1::RosterService::Stub;

struct GrpcRoster::Parts : Peer<v1::RosterService> {
  explicit Parts(std::unique_ptr<Channel> opened)
      : Peer(std::move(opened)), sign_in(v1::SignInService::NewStub(channel->channel())) {}

  std::unique_ptr<v1::SignInService::Stub> sign_in;
};

Result<std::unique_ptr<GrpcRoster>> GrpcRoster::open(const ChannelConfig& config) {
  auto channel = Channel::open(config);
  if (!channel) return channel.error();
  return std::unique_ptr<GrpcRoster>(new GrpcRoster(std::make_unique<Parts>(*std::move(channel))));
}

GrpcRoster::GrpcRoster(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
GrpcRoster::~GrpcRoster() = default;

Result<User> GrpcRoster::create_service(const Call& call, std::string_view organisation,
                                        std::string_view name) {
  v1::CreateServiceRequest request;
  request.set_organisation(std::string(organisation));
  request.set_name(std::string(name));
  v1::CreateServiceResponse response;
  const Status asked = parts_->call(call, Again::no, &Stub::CreateService, request, &response);
  if (!asked) return asked.error();
  return read_one(response.service());
}

Result<std::vector<User>> GrpcRoster::services(const Call& call, std::string_view organisation) {
  v1::ListServicesRequest request;
  request.set_organisation(std::string(organisation));

  v1::ListServicesResponse response;
  const Status asked = parts_->call(call, Again::yes, &Stub::ListServices, request, &response);
  if (!asked) return asked.error();
  return read_list<User>(response.services());
}

Result<Group> GrpcRoster::create_group(const Call& call, std::string_view organisation,
                                       std::string_view name) {
  v1::CreateGroupRequest request;
  request.set_organisation(std::string(organisation));
  request.set_name(std::string(name));
  v1::CreateGroupResponse response;
  const Status asked = parts_->call(call, Again::no, &Stub::CreateGroup, request, &response);
  if (!asked) return asked.error();
  return read_one(response.group());
}

Status GrpcRoster::remove_group(const Call& call, std::string_view organisation,
                                std::string_view name) {
  v1::RemoveGroupRequest request;
  request.set_organisation(std::string(organisation));
  request.set_name(std::string(name));
  v1::RemoveGroupResponse response;
  return parts_->call(call, Again::no, &Stub::RemoveGroup, request, &response);
}

Result<std::vector<Group>> GrpcRoster::groups(const Call& call, std::string_view organisation) {
  v1::ListGroupsRequest request;
  request.set_organisation(std::string(organisation));

  v1::ListGroupsResponse response;
  const Status asked = parts_->call(call, Again::yes, &Stub::ListGroups, request, &response);
  if (!asked) return asked.error();
  return read_list<Group>(response.groups());
}

Status GrpcRoster::add_member(const Call& call, std::string_view organisation,
                              std::string_view group, std::string_view principal) {
  v1::AddMemberRequest request;
  request.set_organisation(std::string(organisation));
  request.set_group(std::string(group));
  request.set_principal(std::string(principal));
  v1::AddMemberResponse response;
  return parts_->call(call, Again::yes, &Stub::AddMember, request, &response);
}

Status GrpcRoster::remove_member(const Call& call, std::string_view organisation,
                                 std::string_view group, std::string_view principal) {
  v1::RemoveMemberRequest request;
  request.set_organisation(std::string(organisation));
  request.set_group(std::string(group));
  request.set_principal(std::string(principal));
  v1::RemoveMemberResponse response;
  return parts_->call(call, Again::yes, &Stub::RemoveMember, request, &response);
}

Result<StandingGrant> GrpcRoster::give(const Call& call, const StandingGrant& grant) {
  v1::GiveGrantRequest request;
  wire::write(grant, request.mutable_grant());
  v1::GiveGrantResponse response;
  const Status asked = parts_->call(call, Again::no, &Stub::GiveGrant, request, &response);
  if (!asked) return asked.error();
  return read_one(response.grant());
}

Status GrpcRoster::withdraw(const Call& call, std::string_view organisation, std::uint64_t id) {
  v1::WithdrawGrantRequest request;
  request.set_organisation(std::string(organisation));
  request.set_id(id);
  v1::WithdrawGrantResponse response;
  return parts_->call(call, Again::no, &Stub::WithdrawGrant, request, &response);
}

Result<std::vector<StandingGrant>> GrpcRoster::grants(const Call& call,
                                                      std::string_view organisation) {
  v1::ListGrantsRequest request;
  request.set_organisation(std::string(organisation));

  v1::ListGrantsResponse response;
  const Status asked = parts_->call(call, Again::yes, &Stub::ListGrants, request, &response);
  if (!asked) return asked.error();
  return read_list<StandingGrant>(response.grants());
}

Result<Departure> GrpcRoster::remove_user(const Call& call, std::string_view organisation,
                                          std::string_view name, Fate fate, std::string_view heir) {
  v1::RemoveUserRequest request;
  request.set_organisation(std::string(organisation));
  request.set_name(std::string(name));
  request.set_fate(wire::write(fate));
  request.set_heir(std::string(heir));
  v1::RemoveUserResponse response;
  const Status asked = parts_->call(call, Again::no, &Stub::RemoveUser, request, &response);
  if (!asked) return asked.error();
  return read_one(response.departure());
}

Result<Departure> GrpcRoster::remove_organisation(const Call& call, std::string_view name,
                                                  std::string_view code) {
  v1::RemoveOrganisationRequest request;
  request.set_name(std::string(name));
  request.set_code(std::string(code));
  v1::RemoveOrganisationResponse response;
  const Status asked = parts_->call(call, Again::no, &Stub::RemoveOrganisation, request, &response);
  if (!asked) return asked.error();
  return read_one(response.departure());
}

// Not asked again: whoever took the answer that was lost has a token, and this makes another.
Result<MintedToken> GrpcRoster::sign_in(const Call& call, const std::string& id_token) {
  v1::SignInRequest request;
  request.set_id_token(id_token);
  v1::SignInResponse response;
  const Status asked = ask(*parts_->channel, bounded(call.deadline, kWriteDeadline), Again::no,
                           [&](grpc::ClientContext& context) {
                             return parts_->sign_in->SignIn(&context, request, &response);
                           });
  if (!asked) return asked.error();
  wire::Faults faults;
  MintedToken minted{wire::read(response.token(), faults), response.secret()};
  return faults.or_error(std::move(minted));
}

}  // namespace outboard::client
