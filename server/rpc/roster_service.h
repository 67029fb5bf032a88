// RosterService: core/roster.h on the wire. As StoreService.
#pragma once

#include "core/roster.h"
#include "outboard/v1/admin.grpc.pb.h"
#include "server/rpc/desk.h"

namespace outboard::server {

class RosterService final : public v1::RosterService::CallbackService {
 public:
  RosterService(Desk& desk, Roster& roster) : desk_(desk), roster_(roster) {}

  using Context = grpc::CallbackServerContext;
  using Unary = grpc::ServerUnaryReactor;

  Unary* CreateService(Context* context, const v1::CreateServiceRequest* request,
                       v1::CreateServiceResponse* response) override;
  Unary* ListServices(Context* context, const v1::ListServicesRequest* request,
                      v1::ListServicesResponse* response) override;
  Unary* CreateGroup(Context* context, const v1::CreateGroupRequest* request,
                     v1::CreateGroupResponse* response) override;
  Unary* RemoveGroup(Context* context, const v1::RemoveGroupRequest* request,
                     v1::RemoveGroupResponse* response) override;
  Unary* ListGroups(Context* context, const v1::ListGroupsRequest* request,
                    v1::ListGroupsResponse* response) override;
  Unary* AddMember(Context* context, const v1::AddMemberRequest* request,
                   v1::AddMemberResponse* response) override;
  Unary* RemoveMember(Context* context, const v1::RemoveMemberRequest* request,
                      v1::RemoveMemberResponse* response) override;
  Unary* GiveGrant(Context* context, const v1::GiveGrantRequest* request,
                   v1::GiveGrantResponse* response) override;
  Unary* WithdrawGrant(Context* context, const v1::WithdrawGrantRequest* request,
                       v1::WithdrawGrantResponse* response) override;
  Unary* ListGrants(Context* context, const v1::ListGrantsRequest* request,
                    v1::ListGrantsResponse* response) override;
  Unary* RemoveUser(Context* context, const v1::RemoveUserRequest* request,
                    v1::RemoveUserResponse* response) override;
  Unary* RemoveOrganisation(Context* context, const v1::RemoveOrganisationRequest* request,
                            v1::RemoveOrganisationResponse* response) override;

 private:
  Desk& desk_;
  Roster& roster_;
};

}  // namespace outboard::server
