#include "fusefs/kernel/mounter_words.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "core/limits.h"

namespace outboard::fusefs {
namespace {

// Words of fixed size in front of a text.
struct Head {
  std::uint32_t wish = 0;  // of an answer: 0, or 1 + its code
  std::uint32_t view = 0;
  std::uint64_t seconds = 0;
  std::uint64_t read_only = 0;
};

// A message says its input, which may be a path, and its rule; a question two texts.
constexpr std::size_t kTextBytesMax = 2 * kPathBytesMax;

struct Datagram {
  Head head;
  std::string text;
  int descriptor = -1;
};

bool send(int socket, const Datagram& datagram) {
  Head head = datagram.head;
  std::string text = datagram.text.substr(0, kTextBytesMax);
  std::array<iovec, 2> parts{{{&head, sizeof head}, {text.data(), text.size()}}};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> room{};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  if (datagram.descriptor >= 0) {
    message.msg_control = room.data();
    message.msg_controllen = room.size();
    cmsghdr* with = CMSG_FIRSTHDR(&message);
    with->cmsg_level = SOL_SOCKET;
    with->cmsg_type = SCM_RIGHTS;
    with->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(with), &datagram.descriptor, sizeof(int));
  }
  ssize_t sent = -1;
  do {
    sent = ::sendmsg(socket, &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent >= 0;
}

std::optional<Datagram> receive(int socket) {
  Datagram datagram;
  datagram.text.resize(kTextBytesMax);
  std::array<iovec, 2> parts{
      {{&datagram.head, sizeof datagram.head}, {datagram.text.data(), datagram.text.size()}}};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> room{};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  message.msg_control = room.data();
  message.msg_controllen = room.size();
  ssize_t got = -1;
  do {
    got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  const cmsghdr* with = CMSG_FIRSTHDR(&message);
  if (got > 0 && with != nullptr && with->cmsg_type == SCM_RIGHTS) {
    std::memcpy(&datagram.descriptor, CMSG_DATA(with), sizeof(int));
  }
  if (got < static_cast<ssize_t>(sizeof(Head))) {
    if (datagram.descriptor >= 0) ::close(datagram.descriptor);
    return std::nullopt;
  }
  datagram.text.resize(static_cast<std::size_t>(got) - sizeof(Head));
  return datagram;
}

}  // namespace

bool ask(int socket, const Question& question, int answer_socket) {
  const Head head{static_cast<std::uint32_t>(question.wish), question.view, question.seconds,
                  question.read_only ? 1U : 0U};
  return send(socket, {head, question.place + '\0' + question.volume, answer_socket});
}

std::optional<std::pair<Question, int>> next_question(int socket) {
  auto datagram = receive(socket);
  if (!datagram) return std::nullopt;
  const std::size_t end = std::min(datagram->text.find('\0'), datagram->text.size());
  const Question question{static_cast<Wish>(datagram->head.wish),
                          datagram->head.view,
                          datagram->head.seconds,
                          datagram->text.substr(0, end),
                          datagram->text.substr(std::min(end + 1, datagram->text.size())),
                          datagram->head.read_only != 0};
  return std::pair{question, datagram->descriptor};
}

void answer(int answer_socket, const Answer& answer) {
  Datagram datagram;
  datagram.descriptor = answer.descriptor;
  datagram.head.view = answer.number;
  if (answer.refused) {
    datagram.head.wish = 1 + static_cast<std::uint32_t>(answer.refused->code);
    datagram.text = answer.refused->message;
  }
  send(answer_socket, datagram);  // who has gone needs none
}

std::optional<Answer> await_answer(int answer_socket) {
  auto datagram = receive(answer_socket);
  if (!datagram) return std::nullopt;
  Answer answer;
  answer.descriptor = datagram->descriptor;
  answer.number = datagram->head.view;
  if (datagram->head.wish > 0) {
    answer.refused = Error{static_cast<Code>(datagram->head.wish - 1), std::move(datagram->text)};
  }
  return answer;
}

}  // namespace outboard::fusefs
