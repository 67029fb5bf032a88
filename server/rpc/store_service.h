// StoreService: core/store.h on the wire. Each method reads its message, asks the store, writes the
// answer; nothing is decided here.
//
// Methods are called on gRPC's threads and return at once; serve() and the streams do the rest.
#pragma once

#include "outboard/v1/store.grpc.pb.h"
#include "server/rpc/desk.h"

namespace outboard::server {

class StoreService final : public v1::StoreService::CallbackService {
 public:
  explicit StoreService(Desk& desk) : desk_(desk) {}

  using Context = grpc::CallbackServerContext;
  using Unary = grpc::ServerUnaryReactor;

  Unary* Handshake(Context* context, const v1::HandshakeRequest* request,
                   v1::HandshakeResponse* response) override;
  Unary* OpenVolume(Context* context, const v1::OpenVolumeRequest* request,
                    v1::OpenVolumeResponse* response) override;
  Unary* Apply(Context* context, const v1::ApplyRequest* request,
               v1::ApplyResponse* response) override;
  grpc::ServerReadReactor<v1::ApplyStreamRequest>* ApplyStream(
      Context* context, v1::ApplyResponse* response) override;
  Unary* Lookup(Context* context, const v1::LookupRequest* request,
                v1::LookupResponse* response) override;
  Unary* GetAttributes(Context* context, const v1::GetAttributesRequest* request,
                       v1::GetAttributesResponse* response) override;
  Unary* List(Context* context, const v1::ListRequest* request,
              v1::ListResponse* response) override;
  Unary* Read(Context* context, const v1::ReadRequest* request,
              v1::ReadResponse* response) override;
  grpc::ServerWriteReactor<v1::ReadManyResponse>* ReadMany(
      Context* context, const v1::ReadManyRequest* request) override;
  grpc::ServerWriteReactor<v1::SnapshotResponse>* Snapshot(
      Context* context, const v1::SnapshotRequest* request) override;
  Unary* GetXattrs(Context* context, const v1::GetXattrsRequest* request,
                   v1::GetXattrsResponse* response) override;
  Unary* History(Context* context, const v1::HistoryRequest* request,
                 v1::HistoryResponse* response) override;
  grpc::ServerWriteReactor<v1::VersionsResponse>* Versions(
      Context* context, const v1::VersionsRequest* request) override;
  grpc::ServerWriteReactor<v1::SearchResponse>* Search(Context* context,
                                                       const v1::SearchRequest* request) override;
  Unary* Lock(Context* context, const v1::LockRequest* request,
              v1::LockResponse* response) override;
  Unary* Settle(Context* context, const v1::SettleRequest* request,
                v1::SettleResponse* response) override;

 private:
  Desk& desk_;
};

}  // namespace outboard::server
