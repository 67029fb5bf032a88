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
  for (const auto& view : from.views()) {
    report.views.push_back({view.view().path(), view.view().volume(), view.view().writable(),
                            view.seq(), view.head(), view.stale(), view.unsaved_bytes(),
                            view.errors()});
  }
  return report;
}

}  // namespace

Result<MountReport> ask_mount(const std::string& control_socket, Moment deadline) {
  const bool named = control_socket.starts_with("unix:");
  ChannelConfig config;
  config.address = named ? control_socket : "unix:" + control_socket;
  auto channel = Channel::open(config);
  if (!channel) return channel.error();
  const auto stub = v1::MountService::NewStub((*channel)->channel());
  v1::MountStatusResponse response;
  const Status asked = ask(**channel, deadline, Again::no, [&](grpc::ClientContext& context) {
    return stub->Status(&context, v1::MountStatusRequest(), &response);
  });
  if (!asked) return asked.error();
  return read(response);
}

}  // namespace outboard::client
