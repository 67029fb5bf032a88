#include "fusefs/control/control_server.h"

#include <grpcpp/server_posix.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <optional>
#include <thread>

#include "core/limits.h"
#include "fusefs/control/mount_service.h"
#include "fusefs/handover/parley.h"

namespace outboard::fusefs {
namespace {

// Until the next try where the machine has no descriptor or no memory for a connection.
constexpr int kAcceptAgainMs = 100;

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
  Parts(const std::string& place, int listening, ControlledDaemon daemon, const Clock& clock)
      : socket(place),
        listener(listening),
        hand_over(daemon.hand_over),
        service(std::move(daemon), clock) {}

  void accept_all(ControlServer& control);
  // A first byte, which stays on the connection; nothing: none came in time.
  static std::optional<char> greeting_of(int connection);

  const std::string socket;
  const int listener;
  const std::function<void(ControlServer& control, int connection)> hand_over;
  MountService service;
  std::unique_ptr<grpc::Server> server;
  std::atomic<bool> stopping = false;
  std::thread accepting;
};

std::optional<char> ControlServer::Parts::greeting_of(int connection) {
  pollfd ready{connection, POLLIN, 0};
  char first = 0;
  if (::poll(&ready, 1, static_cast<int>(kControlGreetingWait.count())) != 1) return std::nullopt;
  if (::recv(connection, &first, 1, MSG_PEEK | MSG_DONTWAIT) != 1) return std::nullopt;
  return first;
}

void ControlServer::Parts::accept_all(ControlServer& control) {
  pthread_setname_np(pthread_self(), "control");
  while (!stopping) {
    const int connection = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (connection < 0) {
      pollfd shut{listener, 0, 0};  // POLLHUP at the end, whatever is asked for
      ::poll(&shut, 1, kAcceptAgainMs);
      continue;
    }
    const auto greeting = greeting_of(connection);
    if (!greeting) {
      ::close(connection);
    } else if (*greeting == kParleyGreeting && hand_over) {
      hand_over(control, connection);
    } else {
      grpc::AddInsecureChannelFromFd(server.get(), connection);
    }
  }
}

namespace {

// Only this user and root may connect.
Result<int> listen_at(const std::string& socket) {
  if (auto clear = clear_place(socket); !clear) return clear.error();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket.c_str(), socket.size() + 1);
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  // The name gets the socket's mode. A umask would be all threads': the disk cache makes
  // directories.
  const bool bound =
      listener >= 0 && ::fchmod(listener, 0600) == 0 &&
      ::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  if (bound) return listener;
  if (listener >= 0) ::close(listener);
  return cannot_listen(socket, "may this user create files there?");
}

}  // namespace

Result<std::unique_ptr<ControlServer>> ControlServer::start(const std::string& socket,
                                                            ControlledDaemon daemon,
                                                            const Clock& clock) {
  const auto listener = listen_at(socket);
  if (!listener) return listener.error();
  return take_over(socket, *listener, std::move(daemon), clock);
}

Result<std::unique_ptr<ControlServer>> ControlServer::take_over(const std::string& socket,
                                                                int listener,
                                                                ControlledDaemon daemon,
                                                                const Clock& clock) {
  auto parts = std::make_unique<Parts>(socket, listener, std::move(daemon), clock);
  grpc::ServerBuilder builder;
  grpc::ResourceQuota quota("outboard-control");
  quota.SetMaxThreads(kControlCallsMax);
  builder.SetResourceQuota(quota);
  builder.RegisterService(&parts->service);
  parts->server = builder.BuildAndStart();
  // Also where another process listens already: who connects learns from it whose socket it is.
  if (!parts->server || ::listen(listener, SOMAXCONN) != 0) {
    return cannot_listen(socket, "it cannot be served");
  }
  std::unique_ptr<ControlServer> control(new ControlServer(std::move(parts)));
  Parts& served = *control->parts_;
  served.accepting = std::thread([&served, &control = *control] { served.accept_all(control); });
  return control;
}

ControlServer::ControlServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

ControlServer::~ControlServer() {
  parts_->stopping = true;
  ::unlink(parts_->socket.c_str());
  ::shutdown(parts_->listener, SHUT_RDWR);  // out of its accept
  parts_->accepting.join();
  ::close(parts_->listener);
  // Calls that wait in a barrier end by their own deadline, at the latest after kBarrierDeadline.
  parts_->server->Shutdown(std::chrono::system_clock::now());
  parts_->server->Wait();
}

int ControlServer::listener() const {
  return parts_->listener;
}

bool ControlServer::pause(Moment until) {
  return parts_->service.pause(until);
}

void ControlServer::resume() {
  parts_->service.resume();
}

}  // namespace outboard::fusefs
