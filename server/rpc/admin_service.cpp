#include "server/rpc/admin_service.h"

#include "server/rpc/answers.h"

namespace outboard::server {
namespace {

using wire::Faults;

}  // namespace

grpc::ServerUnaryReactor* AdminService::CreateOrganisation(
    Context* context, const v1::CreateOrganisationRequest* request,
    v1::CreateOrganisationResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) {
    return answered(desk_.admin.create_organisation(call, request->name()),
                    response->mutable_organisation());
  });
}

grpc::ServerUnaryReactor* AdminService::ListOrganisations(Context* context,
                                                          const v1::ListOrganisationsRequest*,
                                                          v1::ListOrganisationsResponse* response) {
  return serve(desk_, context, [this, response](const Call& call) {
    return listed(desk_.admin.organisations(call), [&] { return response->add_organisations(); });
  });
}

grpc::ServerUnaryReactor* AdminService::CreateUser(Context* context,
                                                   const v1::CreateUserRequest* request,
                                                   v1::CreateUserResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) {
    return answered(desk_.admin.create_user(call, request->organisation(), request->name()),
                    response->mutable_user());
  });
}

grpc::ServerUnaryReactor* AdminService::ListUsers(Context* context,
                                                  const v1::ListUsersRequest* request,
                                                  v1::ListUsersResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) {
    return listed(desk_.admin.users(call, request->organisation()),
                  [&] { return response->add_users(); });
  });
}

grpc::ServerUnaryReactor* AdminService::CreateVolume(Context* context,
                                                     const v1::CreateVolumeRequest* request,
                                                     v1::CreateVolumeResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) -> Status {
    Faults faults;
    const VolumeSettings settings = wire::read(request->settings(), faults);
    if (faults) return faults.error();
    return answered(desk_.admin.create_volume(call, request->name(), settings),
                    response->mutable_volume());
  });
}

grpc::ServerUnaryReactor* AdminService::ChangeVolume(Context* context,
                                                     const v1::ChangeVolumeRequest* request,
                                                     v1::ChangeVolumeResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) -> Status {
    Faults faults;
    const VolumeSettings settings = wire::read(request->settings(), faults);
    if (faults) return faults.error();
    return answered(desk_.admin.change_volume(call, request->name(), settings),
                    response->mutable_volume());
  });
}

grpc::ServerUnaryReactor* AdminService::ListVolumes(Context* context,
                                                    const v1::ListVolumesRequest* request,
                                                    v1::ListVolumesResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) {
    return listed(desk_.admin.volumes(call, request->organisation()),
                  [&] { return response->add_volumes(); });
  });
}

grpc::ServerUnaryReactor* AdminService::Collect(Context* context, const v1::CollectRequest* request,
                                                v1::CollectResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) -> Status {
    auto collected = desk_.admin.collect(call, request->volume());
    if (!collected) return collected.error();
    response->set_versions(collected->versions);
    response->set_bytes(collected->bytes);
    response->set_changes(collected->changes);
    response->set_pruned(collected->pruned.value);
    return success();
  });
}

grpc::ServerUnaryReactor* AdminService::MintToken(Context* context,
                                                  const v1::MintTokenRequest* request,
                                                  v1::MintTokenResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) -> Status {
    Faults faults;
    const TokenRequest wanted = wire::read(*request, faults);
    if (faults) return faults.error();
    auto minted = desk_.admin.mint_token(call, wanted);
    if (!minted) return minted.error();
    wire::write(minted->info, response->mutable_token());
    response->set_secret(minted->secret);
    return success();
  });
}

grpc::ServerUnaryReactor* AdminService::ExtendToken(Context* context,
                                                    const v1::ExtendTokenRequest* request,
                                                    v1::ExtendTokenResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) -> Status {
    Faults faults;
    const auto life = wire::read_life(request->life_s(), faults);
    if (faults) return faults.error();
    return answered(desk_.admin.renew_token(call, request->id(), life), response->mutable_token());
  });
}

grpc::ServerUnaryReactor* AdminService::RevokeToken(Context* context,
                                                    const v1::RevokeTokenRequest* request,
                                                    v1::RevokeTokenResponse*) {
  return serve(desk_, context, [this, request](const Call& call) {
    return desk_.admin.revoke_token(call, request->id());
  });
}

grpc::ServerUnaryReactor* AdminService::ListTokens(Context* context,
                                                   const v1::ListTokensRequest* request,
                                                   v1::ListTokensResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) {
    return listed(desk_.admin.tokens(call, request->organisation()),
                  [&] { return response->add_tokens(); });
  });
}

grpc::ServerUnaryReactor* AdminService::Diagnose(Context* context, const v1::DiagnoseRequest*,
                                                 v1::DiagnoseResponse* response) {
  return serve(desk_, context, [this, response](const Call& call) -> Status {
    if (desk_.examiner == nullptr) {
      return Error{Code::unsupported, "this server has nothing to say of itself"};
    }
    return answered(desk_.examiner->examine(call), response);
  });
}

}  // namespace outboard::server
