// Parley: what a mount daemon and its successor say to each other on the control socket.
//
// The successor connects and speaks first; its first byte tells it from a gRPC client. [D34]
//
//   successor → offer    the formats it reads, and what program it is
//   daemon    → terms    what it was told at its start, its token, the mounter's socket; or refusal
//   successor → begin    it has given up its rights and reached the server
//   daemon    → tables   it reads no request any more; the views' descriptors; or refusal
//   successor → taken    it serves from here on
//
// What always holds: there is one owner. `taken` is one message, and the socket's queue decides:
// once it is in there, the daemon ends; once await_taken() has said no, it cannot get in.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"

namespace outboard::fusefs {

// Of terms and tables as this program packs them. Raised with every change of what they hold.
inline constexpr std::uint32_t kHandoverFormat = 7;
// The first byte of a successor, and of nobody who speaks HTTP/2.
inline constexpr char kParleyGreeting = 'O';

enum class Word : std::uint32_t { offer = 1, terms = 2, begin = 3, tables = 4, taken = 5, refusal };

struct Said {
  Word word = Word::refusal;
  std::string text;
  std::vector<int> descriptors;  // the receiver's
};

struct Peer {
  pid_t process = 0;
  uid_t user = 0;
  gid_t group = 0;
};

// One connection; one thread. Every step ends by its deadline with timed_out; unavailable: the
// other side is gone.
class Parley {
 public:
  // As the successor. unavailable: nobody serves that socket, or this user may not open it.
  static Result<Parley> connect(const std::string& control_socket);
  explicit Parley(int socket) : socket_(socket) {}
  ~Parley();
  Parley(Parley&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}
  Parley& operator=(Parley&&) = delete;

  // Who listens or has connected, as the kernel says.
  Peer peer() const;
  // The descriptors stay the caller's.
  Status say(Word word, std::string_view text, const std::vector<int>& descriptors,
             Moment deadline) const;
  // What comes next must be `word`: a refusal is answered as the error that it carries.
  Result<Said> hear(Word word, Moment deadline) const;
  // The daemon's last step. False: it came too late or never will, and cannot come any more.
  bool await_taken(Moment deadline) const;
  // The other process has ended, and what only one may have at a time is free. False: not by then.
  bool await_end(Moment deadline) const;

 private:
  int socket_;
};

// A refusal, and back.
std::string pack_refusal(const Error& error);

}  // namespace outboard::fusefs
