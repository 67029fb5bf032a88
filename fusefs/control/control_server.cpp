#include "fusefs/control/control_server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "core/limits.h"
#include "fusefs/control/mount_service.h"

namespace outboard::fusefs {
namespace {

Error cannot_listen(const std::string& socket, const std::string& why) {
  Error error;
  error.code = Code::unavailable;
  error.message = "cannot open the control socket " + socket + ": " + why;
  error.subject = socket;
  return error;
}

// Whether somebody answers on the socket.
bool is_served(const sockaddr_un& address) {
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return false;
  const bool served =
      ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(probe);
  return served;
}

// Removes what an earlier daemon left; refuses to touch anything else.
Status clear_place(const std::string& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.size() >= sizeof address.sun_path) {
    return cannot_listen(socket, "its path has " + std::to_string(socket.size()) +
                                     " bytes, the limit is 107; choose a shorter one");
  }
  std::memcpy(address.sun_path, socket.c_str(), socket.size() + 1);
  struct stat found {};
  if (::lstat(socket.c_str(), &found) != 0) return success();
  if (!S_ISSOCK(found.st_mode)) {
    return cannot_listen(socket,
                         "a file that is no socket stands there; remove it or choose another");
  }
  if (is_served(address)) {
    return cannot_listen(socket, "another daemon serves it; choose another");
  }
  ::unlink(socket.c_str());
  return success();
}

}  // namespace

struct ControlServer::Parts {
  Parts(ControlledDaemon daemon, const Clock& clock) : service(std::move(daemon), clock) {}

  MountService service;
  std::unique_ptr<grpc::Server> server;
};

Result<std::unique_ptr<ControlServer>> ControlServer::start(const std::string& socket,
                                                            ControlledDaemon daemon,
                                                            const Clock& clock) {
  if (auto clear = clear_place(socket); !clear) return clear.error();
  auto parts = std::make_unique<Parts>(std::move(daemon), clock);
  grpc::ServerBuilder builder;
  grpc::ResourceQuota quota("outboard-control");
  quota.SetMaxThreads(kControlCallsMax);
  builder.SetResourceQuota(quota);
  builder.AddListeningPort("unix:" + socket, grpc::InsecureServerCredentials());
  builder.RegisterService(&parts->service);
  const mode_t before = ::umask(0177);  // only this user and root may connect
  parts->server = builder.BuildAndStart();
  ::umask(before);
  if (!parts->server) return cannot_listen(socket, "may this user create files there?");
  return std::unique_ptr<ControlServer>(new ControlServer(std::move(parts)));
}

ControlServer::ControlServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

ControlServer::~ControlServer() {
  // Calls that wait in a barrier end by their own deadline, at the latest after kBarrierDeadline.
  parts_->server->Shutdown(std::chrono::system_clock::now());
  parts_->server->Wait();
}

}  // namespace outboard::fusefs
