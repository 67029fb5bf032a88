#include "fusefs/handover/parley.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "core/limits.h"
#include "fusefs/handover/packed.h"

namespace outboard::fusefs {
namespace {

struct Header {
  std::array<char, 4> magic{kParleyGreeting, 'B', 'H', 'O'};
  std::uint32_t word = 0;
  std::uint64_t size = 0;
};

Error gone() {
  return Error{Code::unavailable, "the other daemon has ended, or broken off"};
}

Error late() {
  return Error{Code::timed_out, "the other daemon did not answer in time"};
}

// Whether the socket is ready for `events` before the deadline.
bool ready(int socket, short events, Moment deadline) {
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd one{socket, events, 0};
    const int came =
        ::poll(&one, 1, static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000)));
    if (came > 0) return true;
    if (came == 0 || errno != EINTR) return false;
  }
}

// Reads all of `into`; descriptors that come with it are added.
Status read_all(int socket, char* into, std::size_t size, std::vector<int>* descriptors,
                Moment deadline) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kHandoverDescriptorsMax)> control{};
  while (size > 0) {
    if (!ready(socket, POLLIN, deadline)) return late();
    iovec part{into, size};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = descriptors == nullptr ? nullptr : control.data();
    message.msg_controllen = descriptors == nullptr ? 0 : control.size();
    const ssize_t got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) return gone();
    for (cmsghdr* one = CMSG_FIRSTHDR(&message); one != nullptr; one = CMSG_NXTHDR(&message, one)) {
      if (one->cmsg_level != SOL_SOCKET || one->cmsg_type != SCM_RIGHTS) continue;
      const std::size_t count = (one->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      std::vector<int> came(count);
      std::memcpy(came.data(), CMSG_DATA(one), count * sizeof(int));
      descriptors->insert(descriptors->end(), came.begin(), came.end());
    }
    into += got;
    size -= static_cast<std::size_t>(got);
  }
  return success();
}

Status write_all(int socket, std::string_view bytes, const std::vector<int>& descriptors,
                 Moment deadline) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kHandoverDescriptorsMax)> control{};
  bool with = !descriptors.empty();
  while (!bytes.empty()) {
    if (!ready(socket, POLLOUT, deadline)) return late();
    iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (with) {
      message.msg_control = control.data();
      message.msg_controllen = CMSG_SPACE(sizeof(int) * descriptors.size());
      cmsghdr* rights = CMSG_FIRSTHDR(&message);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN(sizeof(int) * descriptors.size());
      std::memcpy(CMSG_DATA(rights), descriptors.data(), sizeof(int) * descriptors.size());
    }
    const ssize_t sent = ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (sent < 0) return gone();
    with = false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return success();
}

Error unpack_refusal(const std::string& text) {
  Error error;
  Unpacker unpack(text);
  unpack(error.code, error.message);
  if (unpack.good()) return error;
  return Error{Code::unavailable, "the running daemon refuses, in words that this one cannot read"};
}

}  // namespace

std::string pack_refusal(const Error& error) {
  Packer pack;
  pack(error.code, error.message);
  return std::move(pack).take();
}

Result<Parley> Parley::connect(const std::string& control_socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const Error nobody{
      Code::unavailable,
      "no daemon answers at " + control_socket +
          ": give the control socket of the one to take over from, as its user or root",
      control_socket};
  if (control_socket.size() >= sizeof address.sun_path) return nobody;
  std::memcpy(address.sun_path, control_socket.c_str(), control_socket.size() + 1);
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return nobody;
  Parley parley(socket);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return nobody;
  }
  return parley;
}

Parley::~Parley() {
  if (socket_ >= 0) ::close(socket_);
}

Peer Parley::peer() const {
  ucred found{};
  socklen_t size = sizeof found;
  if (::getsockopt(socket_, SOL_SOCKET, SO_PEERCRED, &found, &size) != 0) {
    return {0, static_cast<uid_t>(-1), static_cast<gid_t>(-1)};
  }
  return {found.pid, found.uid, found.gid};
}

Status Parley::say(Word word, std::string_view text, const std::vector<int>& descriptors,
                   Moment deadline) const {
  if (descriptors.size() > kHandoverDescriptorsMax) {
    return Error{Code::too_big, "this daemon has more views than one message carries: remount"};
  }
  Header header;
  header.word = static_cast<std::uint32_t>(word);
  header.size = text.size();
  const std::string_view first(reinterpret_cast<const char*>(&header), sizeof header);
  if (auto said = write_all(socket_, first, descriptors, deadline); !said) return said;
  return write_all(socket_, text, {}, deadline);
}

Result<Said> Parley::hear(Word word, Moment deadline) const {
  Header header;
  Said said;
  const bool owned = word == Word::terms || word == Word::tables;  // by who hears it
  auto heard = read_all(socket_, reinterpret_cast<char*>(&header), sizeof header,
                        owned ? &said.descriptors : nullptr, deadline);
  if (!heard) return std::move(heard).error();
  if (header.magic != Header().magic ||
      header.size > (owned ? kHandoverTablesBytesMax : kHandoverWordsBytesMax)) {
    return Error{Code::unsupported, "what answers there is no mount daemon that hands over"};
  }
  said.word = static_cast<Word>(header.word);
  said.text.resize(header.size);
  heard = read_all(socket_, said.text.data(), said.text.size(), nullptr, deadline);
  if (!heard) return std::move(heard).error();
  if (said.word == Word::refusal) return unpack_refusal(said.text);
  if (said.word == word) return said;
  return Error{Code::unsupported, "the other daemon said something else than was its turn"};
}

// Behind the shutdown nothing can be sent here any more, and what was is in the queue.
bool Parley::await_taken(Moment deadline) const {
  if (ready(socket_, POLLIN, deadline) && hear(Word::taken, deadline)) return true;
  ::shutdown(socket_, SHUT_RD);
  return bool(hear(Word::taken, std::chrono::steady_clock::now()));
}

bool Parley::await_end(Moment deadline) const {
  const int handle = static_cast<int>(::syscall(SYS_pidfd_open, peer().process, 0));
  if (handle < 0) return errno == ESRCH;
  const bool over = ready(handle, POLLIN, deadline);
  ::close(handle);
  return over;
}

}  // namespace outboard::fusefs
