#include "harness/exec_agent/inner_words.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace outboard::harness {
namespace {

constexpr int kSeals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

union Ancillary {
  cmsghdr header;
  std::array<char, CMSG_SPACE(sizeof(int) * kInnerFdsMax)> bytes;
};

void take_fds(msghdr& header, std::vector<int>& fds) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    fds.resize(count);
    std::memcpy(fds.data(), CMSG_DATA(part), count * sizeof(int));
  }
}

}  // namespace

bool send_message(int socket, const InnerMessage& message, const std::vector<int>& fds) {
  InnerMessage copy = message;
  iovec part{&copy, sizeof copy};
  Ancillary ancillary{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (!fds.empty()) {
    header.msg_control = &ancillary;
    header.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
    std::memcpy(CMSG_DATA(rights), fds.data(), sizeof(int) * fds.size());
  }
  while (true) {
    if (::sendmsg(socket, &header, MSG_NOSIGNAL) >= 0) return true;
    if (errno != EINTR) return false;
  }
}

std::optional<Received> receive_message(int socket) {
  Received received;
  iovec part{&received.message, sizeof received.message};
  Ancillary ancillary{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = &ancillary;
  header.msg_controllen = sizeof ancillary;
  ssize_t size = -1;
  do {
    size = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  if (size < 0) return std::nullopt;
  take_fds(header, received.fds);
  if (size == sizeof received.message) return received;
  for (const int fd : received.fds) ::close(fd);
  errno = 0;
  return std::nullopt;
}

int write_text(std::string_view text) {
  const int fd = ::memfd_create("words", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return -1;
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      ::close(fd);
      return -1;
    }
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  ::fcntl(fd, F_ADD_SEALS, kSeals);
  return fd;
}

int write_words(const std::vector<std::string>& words) {
  std::string bytes;
  for (const auto& word : words) {
    const auto size = static_cast<std::uint32_t>(word.size());
    bytes.append(reinterpret_cast<const char*>(&size), sizeof size);
    bytes.append(word);
  }
  return write_text(bytes);
}

std::optional<std::vector<std::string>> read_words(int fd) {
  struct stat file {};
  if (::fcntl(fd, F_GET_SEALS) != kSeals || ::fstat(fd, &file) != 0) return std::nullopt;
  if (file.st_size < 0 || static_cast<std::size_t>(file.st_size) > kInnerWordsBytesMax) {
    return std::nullopt;
  }
  std::string bytes(static_cast<std::size_t>(file.st_size), '\0');
  std::size_t got = 0;
  while (got < bytes.size()) {
    const ssize_t n = ::pread(fd, bytes.data() + got, bytes.size() - got, static_cast<off_t>(got));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return std::nullopt;
    got += static_cast<std::size_t>(n);
  }
  std::vector<std::string> words;
  std::size_t at = 0;
  while (at < bytes.size()) {
    std::uint32_t size = 0;
    if (bytes.size() - at < sizeof size) return std::nullopt;
    std::memcpy(&size, bytes.data() + at, sizeof size);
    at += sizeof size;
    if (bytes.size() - at < size) return std::nullopt;
    words.emplace_back(bytes, at, size);
    at += size;
  }
  return words;
}

}  // namespace outboard::harness
