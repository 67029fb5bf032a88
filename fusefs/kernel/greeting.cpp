#include "fusefs/kernel/greeting.h"

#include <linux/fuse.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstring>

#include "fusefs/kernel/reply.h"

namespace outboard::fusefs {

bool Greeting::bind(fuse_session* session, int descriptor) {
  fuse_custom_io io{};
  io.read = &Greeting::read;
  io.writev = &Greeting::write;
  return fuse_session_custom_io(session, &io, descriptor) == 0;
}

Status Greeting::repeat(fuse_session* session, const Words& words) {
  words_.asked = words.asked;
  repeating_ = true;
  fuse_buf buffer{};
  buffer.mem = words_.asked.data();
  buffer.size = words_.asked.size();
  fuse_session_process_buf(session, &buffer);
  repeating_ = false;
  if (over_ && words_.said == words.said) return success();
  return Error{Code::unsupported,
               "this program would have answered the kernel's greeting otherwise than the one that "
               "has: unmount, and start it anew"};
}

Greeting::Words Greeting::words() const {
  return over_ ? words_ : Words{};
}

// Nothing else is asked before the greeting is answered, so one thread at a time is in here.
ssize_t Greeting::read(int descriptor, void* into, std::size_t size, void* userdata) {
  Greeting& greeting = static_cast<Served*>(userdata)->greeting;
  const ssize_t got = ::read(descriptor, into, size);
  if (greeting.over_ || got < static_cast<ssize_t>(sizeof(fuse_in_header))) return got;
  fuse_in_header header{};
  std::memcpy(&header, into, sizeof header);
  if (header.opcode == FUSE_INIT) {
    greeting.words_.asked.assign(static_cast<const char*>(into), static_cast<std::size_t>(got));
  }
  return got;
}

ssize_t Greeting::write(int descriptor, iovec* parts, int count, void* userdata) {
  Greeting& greeting = static_cast<Served*>(userdata)->greeting;
  if (greeting.over_) return ::writev(descriptor, parts, count);
  std::string said;
  for (int i = 0; i < count; ++i) {
    said.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
  }
  const auto size = static_cast<ssize_t>(said.size());
  fuse_out_header header{};
  std::memcpy(&header, said.data(), sizeof header);
  const bool silent = greeting.repeating_;
  if (header.error == 0) {  // else it is a notice, or a refusal
    greeting.words_.said = std::move(said);
    greeting.over_ = true;
  }
  return silent ? size : ::writev(descriptor, parts, count);
}

}  // namespace outboard::fusefs
