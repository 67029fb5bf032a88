// MountService: mount.proto's verbs over the mounted volumes. Called by gRPC's threads.
#pragma once

#include <grpcpp/grpcpp.h>

#include "core/guarded.h"
#include "fusefs/control/control_server.h"
#include "outboard/v1/mount.grpc.pb.h"

namespace outboard::fusefs {

class MountService final : public v1::MountService::Service {
 public:
  MountService(ControlledDaemon daemon, const Clock& clock)
      : daemon_(std::move(daemon)), clock_(clock) {}

  // [S6]
  grpc::Status Barrier(grpc::ServerContext* context, const v1::BarrierRequest* request,
                       v1::BarrierResponse* response) override;
  grpc::Status Status(grpc::ServerContext* context, const v1::MountStatusRequest* request,
                      v1::MountStatusResponse* response) override;
  grpc::Status RenewToken(grpc::ServerContext* context, const v1::RenewTokenRequest* request,
                          v1::RenewTokenResponse* response) override;

  // [S55]
  grpc::Status Suspend(grpc::ServerContext* context, const v1::SuspendRequest* request,
                       v1::SuspendResponse* response) override;
  grpc::Status Resume(grpc::ServerContext* context, const v1::ResumeRequest* request,
                      v1::ResumeResponse* response) override;

  // For a successor: from here on calls that change something wait. False: one was still under way
  // at `until`, and all go on.
  bool pause(Moment until);
  void resume();

  // [S62]
  grpc::Status SetViews(grpc::ServerContext* context, const v1::SetViewsRequest* request,
                        v1::SetViewsResponse* response) override;
  grpc::Status Prewarm(grpc::ServerContext* context, const v1::PrewarmRequest* request,
                       v1::PrewarmResponse* response) override;
  // Says what to do instead: a daemon takes over by itself.
  grpc::Status Handover(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::HandoverResponse, v1::HandoverRequest>* stream) override;

 private:
  // A call that changes something, while it is under way.
  class Turn;

  bool idle(Moment until) const;
  // Each named volume's views up to its seq.
  grpc::Status reach(const google::protobuf::Map<std::string, std::uint64_t>& seqs,
                     Moment deadline) const;
  // Every view up to what the server has by now.
  grpc::Status reach_head(Moment deadline) const;
  bool is_mounted(const std::string& volume) const;
  // The lowest seq that the volume's views show.
  Seq shown(const std::string& volume) const;

  const ControlledDaemon daemon_;
  const Clock& clock_;
  mutable Mutex mutex_;
  Condition changed_;
  bool paused_ GUARDED_BY(mutex_) = false;
  std::size_t turns_ GUARDED_BY(mutex_) = 0;
};

}  // namespace outboard::fusefs
