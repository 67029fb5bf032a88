#include "harness/exec_agent/mounts.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>

#include "core/limits.h"
#include "outboard/v1/mount.grpc.pb.h"
#include "proto/status.h"

namespace outboard::harness {
namespace {

class NoMounts final : public Mounts {
 public:
  Status barrier(const Seqs& seqs, Moment) override {
    if (seqs.empty()) return success();
    return Error{Code::invalid,
                 "a barrier on " + seqs.begin()->first +
                     ", but this sandbox has no mounts; leave the barrier out",
                 seqs.begin()->first};
  }
};

class DaemonMounts final : public Mounts {
 public:
  explicit DaemonMounts(const std::string& socket)
      : stub_(v1::MountService::NewStub(
            grpc::CreateChannel("unix:" + socket, grpc::InsecureChannelCredentials()))) {}

  Status barrier(const Seqs& seqs, Moment deadline) override {
    if (seqs.empty()) return success();
    const auto now = std::chrono::steady_clock::now();
    const auto wait = std::min<Moment::duration>(deadline - now, kBarrierDeadline);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::duration_cast<std::chrono::microseconds>(wait));
    v1::BarrierRequest request;
    for (const auto& [volume, seq] : seqs) (*request.mutable_seqs())[volume] = seq.value;
    v1::BarrierResponse response;
    const grpc::Status status = stub_->Barrier(&context, request, &response);
    return status.ok() ? success() : Status(wire::to_error(status));
  }

 private:
  const std::unique_ptr<v1::MountService::Stub> stub_;
};

}  // namespace

std::unique_ptr<Mounts> connect_mounts(const std::string& control_socket) {
  if (control_socket.empty()) return std::make_unique<NoMounts>();
  return std::make_unique<DaemonMounts>(control_socket);
}

}  // namespace outboard::harness
