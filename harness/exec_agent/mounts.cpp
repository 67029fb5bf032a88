#include "harness/exec_agent/mounts.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>

#include "core/limits.h"
#include "outboard/v1/mount.grpc.pb.h"
#include "proto/status.h"

namespace outboard::harness {
namespace {

// A server that is away or slow holds no thaw up for longer.
constexpr std::chrono::milliseconds kWakeWait{250};

// A daemon that was replaced meanwhile has cut the call: its successor is asked. Each of these may
// be asked twice. [S59]
template <class Ask>
grpc::Status ask_also_successor(Ask ask) {
  grpc::Status status = ask();
  return status.error_code() == grpc::StatusCode::UNAVAILABLE ? ask() : status;
}

class NoMounts final : public Mounts {
 public:
  Status barrier(const Seqs& seqs, Moment) override {
    if (seqs.empty()) return success();
    return Error{Code::invalid,
                 "a barrier on " + seqs.begin()->first +
                     ", but this sandbox has no mounts; leave the barrier out",
                 seqs.begin()->first};
  }
  Result<bool> sleep(Moment) override { return true; }
  Status wake(Moment) override { return success(); }
};

class DaemonMounts final : public Mounts {
 public:
  explicit DaemonMounts(const std::string& socket)
      : stub_(v1::MountService::NewStub(
            grpc::CreateChannel("unix:" + socket, grpc::InsecureChannelCredentials()))) {}

  Status barrier(const Seqs& seqs, Moment deadline) override {
    if (seqs.empty()) return success();
    v1::BarrierRequest request;
    for (const auto& [volume, seq] : seqs) (*request.mutable_seqs())[volume] = seq.value;
    const grpc::Status status = ask_also_successor([&] {
      grpc::ClientContext context;
      set_deadline(context, left(deadline, kBarrierDeadline));
      v1::BarrierResponse response;
      return stub_->Barrier(&context, request, &response);
    });
    return status.ok() ? success() : Status(wire::to_error(status));
  }

  Result<bool> sleep(Moment deadline) override {
    v1::SuspendResponse response;
    const grpc::Status status = ask_also_successor([&] {
      grpc::ClientContext context;
      const auto wait = left(deadline, kFreezeWait);
      set_deadline(context, wait);
      v1::SuspendRequest request;
      request.set_wait_ms(std::chrono::duration_cast<std::chrono::milliseconds>(wait / 2).count());
      return stub_->Suspend(&context, request, &response);
    });
    if (!status.ok()) return wire::to_error(status);
    return !response.deferred();
  }

  Status wake(Moment deadline) override {
    const grpc::Status status = ask_also_successor([&] {
      grpc::ClientContext context;
      set_deadline(context, left(deadline, kWakeWait));
      v1::ResumeResponse response;
      return stub_->Resume(&context, v1::ResumeRequest(), &response);
    });
    return status.ok() ? success() : Status(wire::to_error(status));
  }

 private:
  static Moment::duration left(Moment deadline, Moment::duration most) {
    return std::min<Moment::duration>(deadline - std::chrono::steady_clock::now(), most);
  }
  static void set_deadline(grpc::ClientContext& context, Moment::duration wait) {
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::duration_cast<std::chrono::microseconds>(wait));
  }

  const std::unique_ptr<v1::MountService::Stub> stub_;
};

}  // namespace

std::unique_ptr<Mounts> connect_mounts(const std::string& control_socket) {
  if (control_socket.empty()) return std::make_unique<NoMounts>();
  return std::make_unique<DaemonMounts>(control_socket);
}

}  // namespace outboard::harness
