// AdminService: core/admin.h and core/diagnosis.h on the wire. As StoreService.
#pragma once

#include "outboard/v1/admin.grpc.pb.h"
#include "server/rpc/desk.h"

namespace outboard::server {

class AdminService final : public v1::AdminService::CallbackService {
 public:
  explicit AdminService(Desk& desk) : desk_(desk) {}

  using Context = grpc::CallbackServerContext;
  using Unary = grpc::ServerUnaryReactor;

  Unary* CreateOrganisation(Context* context, const v1::CreateOrganisationRequest* request,
                            v1::CreateOrganisationResponse* response) override;
  Unary* ListOrganisations(Context* context, const v1::ListOrganisationsRequest* request,
                           v1::ListOrganisationsResponse* response) override;
  Unary* CreateUser(Context* context, const v1::CreateUserRequest* request,
                    v1::CreateUserResponse* response) override;
  Unary* ListUsers(Context* context, const v1::ListUsersRequest* request,
                   v1::ListUsersResponse* response) override;
  Unary* CreateVolume(Context* context, const v1::CreateVolumeRequest* request,
                      v1::CreateVolumeResponse* response) override;
  Unary* ChangeVolume(Context* context, const v1::ChangeVolumeRequest* request,
                      v1::ChangeVolumeResponse* response) override;
  Unary* ListVolumes(Context* context, const v1::ListVolumesRequest* request,
                     v1::ListVolumesResponse* response) override;
  Unary* Collect(Context* context, const v1::CollectRequest* request,
                 v1::CollectResponse* response) override;
  Unary* MintToken(Context* context, const v1::MintTokenRequest* request,
                   v1::MintTokenResponse* response) override;
  Unary* ExtendToken(Context* context, const v1::ExtendTokenRequest* request,
                     v1::ExtendTokenResponse* response) override;
  Unary* RevokeToken(Context* context, const v1::RevokeTokenRequest* request,
                     v1::RevokeTokenResponse* response) override;
  Unary* ListTokens(Context* context, const v1::ListTokensRequest* request,
                    v1::ListTokensResponse* response) override;
  Unary* Diagnose(Context* context, const v1::DiagnoseRequest* request,
                  v1::DiagnoseResponse* response) override;

 private:
  Desk& desk_;
};

}  // namespace outboard::server
