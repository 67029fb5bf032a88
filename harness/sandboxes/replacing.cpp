#include "harness/sandboxes/replacing.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string_view>

#include "harness/sandboxes/box.h"
#include "harness/sandboxes/outer/replace_words.h"
#include "harness/sandboxes/record.h"

namespace outboard::harness {
namespace {

struct Closing {
  const int fd;
  explicit Closing(int opened) : fd(opened) {}
  ~Closing() {
    if (fd >= 0) ::close(fd);
  }
  Closing(const Closing&) = delete;
  Closing& operator=(const Closing&) = delete;
};

bool runs(const std::string& home) {
  const auto record = read_record(record_of(home));
  return record && Process(record->outer).running();
}

Status connect_to(int socket, const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return Error{Code::invalid, path + " is too long for a socket", path};
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    return success();
  }
  if (errno == EACCES || errno == EPERM) {
    return Error{Code::no_access, "only root may replace a sandbox's mount daemon", path};
  }
  return Error{Code::unsupported,
               "its outer layer is of a release that cannot replace the mount daemon; its views "
               "are the new release's once the sandbox is made anew",
               path};
}

bool ask(int socket, int program) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  std::string words(kReplaceQuestion);
  iovec part{words.data(), words.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(rights), &program, sizeof program);
  return ::sendmsg(socket, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(words.size());
}

// Empty: it has ended.
Result<std::string> hear(int socket, Moment deadline) {
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd said{socket, POLLIN, 0};
    const int wait = static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000));
    const int count = ::poll(&said, 1, wait);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      return Error{Code::timed_out, "no answer in time; `outboard mount status` says what holds"};
    }
    std::array<char, kReplaceWordBytesMax> text{};
    const ssize_t size = ::recv(socket, text.data(), text.size(), 0);
    return std::string(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  }
}

}  // namespace

Result<std::vector<SessionId>> sessions_in(const std::string& directory) {
  std::vector<SessionId> found;
  DIR* open = ::opendir(directory.c_str());
  if (open == nullptr) return Error{Code::unavailable, "cannot list " + directory, directory};
  while (const dirent* entry = ::readdir(open)) {
    if (const auto uuid = parse_uuid(entry->d_name)) found.push_back(SessionId{*uuid});
  }
  ::closedir(open);
  return found;
}

Result<bool> replace_daemon(const std::string& directory, const SessionId& session,
                            const std::string& program, Moment deadline) {
  const std::string home = directory + "/" + to_string(session);
  if (!runs(home)) {
    return Error{Code::not_found, "session " + to_string(session) + " has no running sandbox here",
                 to_string(session)};
  }
  const Closing file(::open(program.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd < 0) {
    return Error{Code::invalid, "cannot open " + program + ": " + std::strerror(errno), program};
  }
  const Closing socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (auto connected = connect_to(socket.fd, outer_socket_of(home)); !connected) {
    return std::move(connected).error();
  }
  if (!ask(socket.fd, file.fd)) return Error{Code::unavailable, "the sandbox has ended", home};
  auto answer = hear(socket.fd, deadline);
  if (!answer) return std::move(answer).error();
  if (*answer == kReplaced || *answer == kNoDaemon) return *answer == kReplaced;
  if (answer->empty()) return Error{Code::unavailable, "the sandbox has ended", home};
  return Error{Code::unavailable, *answer + last_words(home, "outboard-fuse"), home};
}

}  // namespace outboard::harness
