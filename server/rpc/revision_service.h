// RevisionService: core/revisions.h on the wire. As AdminService; who may ask is decided here, by
// what Access says of the volume.
#pragma once

#include "core/revisions.h"
#include "outboard/v1/revision.grpc.pb.h"
#include "server/rpc/desk.h"

namespace outboard::server {

class RevisionService final : public v1::RevisionService::CallbackService {
 public:
  RevisionService(Desk& desk, Revisions& revisions) : desk_(desk), revisions_(revisions) {}

  using Context = grpc::CallbackServerContext;
  using Unary = grpc::ServerUnaryReactor;

  Unary* Submit(Context* context, const v1::SubmitRequest* request,
                v1::SubmitResponse* response) override;
  Unary* Review(Context* context, const v1::ReviewRequest* request,
                v1::ReviewResponse* response) override;
  Unary* Publish(Context* context, const v1::PublishRequest* request,
                 v1::PublishResponse* response) override;
  Unary* PinToken(Context* context, const v1::PinTokenRequest* request,
                  v1::PinTokenResponse* response) override;
  // Readers hear of what was published only.
  Unary* ListRevisions(Context* context, const v1::ListRevisionsRequest* request,
                       v1::ListRevisionsResponse* response) override;

 private:
  // not_found, read_only.
  Status may_write(const Call& call, VolumeId volume);

  Desk& desk_;
  Revisions& revisions_;
};

}  // namespace outboard::server
