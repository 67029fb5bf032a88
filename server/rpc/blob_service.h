// BlobService: server/blobs.h on the wire. As StoreService.
#pragma once

#include "outboard/v1/blob.grpc.pb.h"
#include "server/blobs.h"
#include "server/rpc/desk.h"

namespace outboard::server {

class BlobService final : public v1::BlobService::CallbackService {
 public:
  BlobService(Desk& desk, Blobs& blobs) : desk_(desk), blobs_(blobs) {}

  using Context = grpc::CallbackServerContext;

  grpc::ServerReadReactor<v1::PutBlobRequest>* PutBlob(Context* context,
                                                       v1::PutBlobResponse* response) override;
  grpc::ServerWriteReactor<v1::GetBlobResponse>* GetBlob(
      Context* context, const v1::GetBlobRequest* request) override;
  grpc::ServerUnaryReactor* HasBlobs(Context* context, const v1::HasBlobsRequest* request,
                                     v1::HasBlobsResponse* response) override;

 private:
  Desk& desk_;
  Blobs& blobs_;
};

}  // namespace outboard::server
