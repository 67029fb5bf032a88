// Greeting: what kernel and daemon agreed on in INIT, kept for a successor.
//
// The kernel greets once in a connection's life. The daemon that hears it keeps the kernel's words
// and its own answer; a successor has libfuse hear the same words, and its answer, which goes
// nowhere, must be the same: the kernel goes by what it was promised. [D34]
//
// A session's reads and writes of /dev/fuse all pass here; behind the greeting they only pass.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "core/result.h"
#include "fusefs/kernel/fuse.h"

namespace outboard::fusefs {

class Greeting {
 public:
  struct Words {
    std::string asked;  // the kernel's INIT
    std::string said;   // what it was answered
  };

  // The session reads and writes the descriptor, which it owns from then on. REQUIRES: a session
  // whose userdata is a Served that has this greeting; called once.
  bool bind(fuse_session* session, int descriptor);
  // Of a connection that another process has greeted. unsupported: this program would have answered
  // otherwise.
  Status repeat(fuse_session* session, const Words& words);
  // Empty before the kernel has greeted. Any thread.
  Words words() const;

 private:
  static ssize_t read(int descriptor, void* into, std::size_t size, void* userdata);
  static ssize_t write(int descriptor, iovec* parts, int count, void* userdata);

  Words words_;
  bool repeating_ = false;
  std::atomic<bool> over_ = false;  // nothing above changes any more
};

}  // namespace outboard::fusefs
