#include "server/rpc/sign_in_service.h"

#include "proto/convert_admin.h"

namespace outboard::server {

grpc::ServerUnaryReactor* SignInService::SignIn(grpc::CallbackServerContext* context,
                                                const v1::SignInRequest* request,
                                                v1::SignInResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const bool taken = desk_.workers.post([this, context, request, response, reactor] {
    const Moment deadline = deadline_of(context->deadline(), kCallDeadlineMax);
    auto minted = sign_in_.sign_in(request->id_token(), deadline);
    if (minted) {
      wire::write(minted->info, response->mutable_token());
      response->set_secret(minted->secret);
    }
    reactor->Finish(minted ? grpc::Status() : wire::to_status(minted.error()));
  });
  if (!taken) reactor->Finish(wire::to_status(too_busy()));
  return reactor;
}

}  // namespace outboard::server
