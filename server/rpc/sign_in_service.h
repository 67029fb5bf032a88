// SignInService: SignIn on the wire; the only service whose callers have no token.
#pragma once

#include "outboard/v1/admin.grpc.pb.h"
#include "server/rpc/desk.h"
#include "server/sign_in.h"

namespace outboard::server {

class SignInService final : public v1::SignInService::CallbackService {
 public:
  SignInService(Desk& desk, server::SignIn& sign_in) : desk_(desk), sign_in_(sign_in) {}

  grpc::ServerUnaryReactor* SignIn(grpc::CallbackServerContext* context,
                                   const v1::SignInRequest* request,
                                   v1::SignInResponse* response) override;

 private:
  Desk& desk_;
  server::SignIn& sign_in_;
};

}  // namespace outboard::server
