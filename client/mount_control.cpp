#include "client/mount_control.h"

#include "client/channel.h"
#include "outboard/v1/mount.grpc.pb.h"

namespace outboard::client {
namespace {

MountReport read(const v1::MountStatusResponse& from) {
  MountReport report;
  report.version = from.version();
  report.server = from.server();
  report.connected = from.connected();
  report.disconnected = std::chrono::milliseconds(from.disconnected_ms());
  report.handovers = from.handovers();
  report.taken_over.nanoseconds = from.taken_over_unix_ms() * 1'000'000;
  if (from.has_disk_cache()) {
    const auto& disk = from.disk_cache();
    report.disk_cache = {disk.directory(), disk.bytes(),  disk.bytes_max(),
                         disk.hits(),      disk.misses(), disk.failing()};
  }
  for (const auto& view : from.views()) {
    report.views.push_back({view.view().path(),
                            view.view().volume(),
                            view.view().writable(),
                            view.seq(),
                            view.head(),
                            view.stale(),
                            view.unsaved_bytes(),
                            view.errors(),
                            view.nodes(),
                            view.cached_bytes(),
                            view.open_handles(),
                            {view.requests().begin(), view.requests().end()}});
  }
  return report;
}

// `call(stub, context)` → grpc::Status, once: a daemon that is busy is not asked again.
template <class Call>
Status ask_daemon(const std::string& control_socket, Moment deadline, Call call) {
  const bool named = control_socket.starts_with("unix:");
  ChannelConfig config;
  config.address = named ? control_socket : "unix:" + control_socket;
  auto channel = Channel::open(config);
  if (!channel) return channel.error();
  const auto stub = v1::MountService::NewStub((*channel)->channel());
  return ask(**channel, deadline, Again::no,
             [&](grpc::ClientContext& context) { return call(*stub, context); });
}

}  // namespace

Result<MountReport> ask_mount(const std::string& control_socket, Moment deadline) {
  v1::MountStatusResponse response;
  const Status asked =
      ask_daemon(control_socket, deadline, [&](auto& stub, grpc::ClientContext& context) {
        return stub.Status(&context, v1::MountStatusRequest(), &response);
      });
  if (!asked) return asked.error();
  return read(response);
}

Result<WarmReport> warm_mount(const std::string& control_socket, const std::string& path,
                              std::uint64_t bytes_max, Moment deadline) {
  v1::PrewarmRequest request;
  request.set_path(path);
  request.set_bytes_max(bytes_max);
  v1::PrewarmResponse response;
  const Status asked =
      ask_daemon(control_socket, deadline, [&](auto& stub, grpc::ClientContext& context) {
        return stub.Prewarm(&context, request, &response);
      });
  if (!asked) return asked.error();
  return WarmReport{response.files(), response.bytes()};
}

Result<std::map<std::string, std::uint64_t>> await_mount(
    const std::string& control_socket, const std::map<std::string, std::uint64_t>& seqs,
    Moment deadline) {
  v1::BarrierRequest request;
  for (const auto& [volume, seq] : seqs) (*request.mutable_seqs())[volume] = seq;
  request.set_head(seqs.empty());
  v1::BarrierResponse response;
  const Status asked =
      ask_daemon(control_socket, deadline, [&](auto& stub, grpc::ClientContext& context) {
        return stub.Barrier(&context, request, &response);
      });
  if (!asked) return asked.error();
  return std::map<std::string, std::uint64_t>(response.seqs().begin(), response.seqs().end());
}

Result<std::vector<ViewSpec>> change_views(const std::string& control_socket,
                                           const ViewChange& change, Moment deadline) {
  v1::SetViewsRequest request;
  request.set_force(change.force);
  for (const ViewSpec& view : change.coming) {
    v1::MountView& to = *(change.only ? request.add_views() : request.add_add());
    to.set_path(view.path);
    to.set_volume(view.volume);
    to.set_writable(!view.read_only);
  }
  for (const std::string& path : change.going) request.add_remove(path);
  v1::SetViewsResponse response;
  const Status asked =
      ask_daemon(control_socket, deadline, [&](auto& stub, grpc::ClientContext& context) {
        return stub.SetViews(&context, request, &response);
      });
  if (!asked) return asked.error();
  std::vector<ViewSpec> shown;
  for (const v1::MountView& view : response.views()) {
    shown.push_back({view.path(), view.volume(), !view.writable()});
  }
  return shown;
}

Status renew_mount_token(const std::string& control_socket, const std::string& token,
                         Moment deadline) {
  v1::RenewTokenRequest request;
  request.set_token(token);
  v1::RenewTokenResponse response;
  return ask_daemon(control_socket, deadline, [&](auto& stub, grpc::ClientContext& context) {
    return stub.RenewToken(&context, request, &response);
  });
}

}  // namespace outboard::client
