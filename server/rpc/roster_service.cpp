#include "server/rpc/roster_service.h"

#include "server/rpc/answers.h"

namespace outboard::server {

using wire::Faults;

grpc::ServerUnaryReactor* RosterService::CreateService(Context* context,
                                                       const v1::CreateServiceRequest* request,
                                                       v1::CreateServiceResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) -> Status {
    return answered(roster_.create_service(call, request->organisation(), request->name()),
                    response->mutable_service());
  });
}

grpc::ServerUnaryReactor* RosterService::ListServices(Context* context,
                                                      const v1::ListServicesRequest* request,
                                                      v1::ListServicesResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) -> Status {
    return listed(roster_.services(call, request->organisation()),
                  [&] { return response->add_services(); });
  });
}

grpc::ServerUnaryReactor* RosterService::CreateGroup(Context* context,
                                                     const v1::CreateGroupRequest* request,
                                                     v1::CreateGroupResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) -> Status {
    return answered(roster_.create_group(call, request->organisation(), request->name()),
                    response->mutable_group());
  });
}

grpc::ServerUnaryReactor* RosterService::RemoveGroup(Context* context,
                                                     const v1::RemoveGroupRequest* request,
                                                     v1::RemoveGroupResponse*) {
  return serve(desk_, context, [this, request](const Call& call) -> Status {
    return roster_.remove_group(call, request->organisation(), request->name());
  });
}

grpc::ServerUnaryReactor* RosterService::ListGroups(Context* context,
                                                    const v1::ListGroupsRequest* request,
                                                    v1::ListGroupsResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) -> Status {
    return listed(roster_.groups(call, request->organisation()),
                  [&] { return response->add_groups(); });
  });
}

grpc::ServerUnaryReactor* RosterService::AddMember(Context* context,
                                                   const v1::AddMemberRequest* request,
                                                   v1::AddMemberResponse*) {
  return serve(desk_, context, [this, request](const Call& call) -> Status {
    return roster_.add_member(call, request->organisation(), request->group(),
                              request->principal());
  });
}

grpc::ServerUnaryReactor* RosterService::RemoveMember(Context* context,
                                                      const v1::RemoveMemberRequest* request,
                                                      v1::RemoveMemberResponse*) {
  return serve(desk_, context, [this, request](const Call& call) -> Status {
    return roster_.remove_member(call, request->organisation(), request->group(),
                                 request->principal());
  });
}

grpc::ServerUnaryReactor* RosterService::GiveGrant(Context* context,
                                                   const v1::GiveGrantRequest* request,
                                                   v1::GiveGrantResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) -> Status {
    Faults faults;
    const StandingGrant grant = wire::read(request->grant(), faults);
    if (faults) return faults.error();
    return answered(roster_.give(call, grant), response->mutable_grant());
  });
}

grpc::ServerUnaryReactor* RosterService::WithdrawGrant(Context* context,
                                                       const v1::WithdrawGrantRequest* request,
                                                       v1::WithdrawGrantResponse*) {
  return serve(desk_, context, [this, request](const Call& call) -> Status {
    return roster_.withdraw(call, request->organisation(), request->id());
  });
}

grpc::ServerUnaryReactor* RosterService::ListGrants(Context* context,
                                                    const v1::ListGrantsRequest* request,
                                                    v1::ListGrantsResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) -> Status {
    return listed(roster_.grants(call, request->organisation()),
                  [&] { return response->add_grants(); });
  });
}

grpc::ServerUnaryReactor* RosterService::RemoveUser(Context* context,
                                                    const v1::RemoveUserRequest* request,
                                                    v1::RemoveUserResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) -> Status {
    Faults faults;
    const Fate fate = wire::read(request->fate(), faults);
    if (faults) return faults.error();
    return answered(
        roster_.remove_user(call, request->organisation(), request->name(), fate, request->heir()),
        response->mutable_departure());
  });
}

grpc::ServerUnaryReactor* RosterService::RemoveOrganisation(
    Context* context, const v1::RemoveOrganisationRequest* request,
    v1::RemoveOrganisationResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) -> Status {
    return answered(roster_.remove_organisation(call, request->name(), request->code()),
                    response->mutable_departure());
  });
}

}  // namespace outboard::server
