// MountDaemon: the sandbox's mount daemon, whichever process that is by now. [S59, D43]
//
// outboard-outer → this → outboard-fuse, and each that takes over from it. Who that is, the daemon
// itself says, as it says it to systemd (MAINPID=), and the kernel says that it was the daemon who
// spoke. A successor is started here, when root asks for it on /box/outer.sock (replace_words.h),
// or by root within this layer.
//
// What always holds: it is watched by a handle, so no process that gets its number passes for it;
// nobody but the daemon can name another, and only one of the daemon's user. One thread, which
// waits in start() and end() alone.
#pragma once

#include <poll.h>
#include <sys/types.h>

#include <string_view>
#include <vector>

#include "harness/sandboxes/outer/outer_plan.h"

namespace outboard::harness {

class MountDaemon {
 public:
  explicit MountDaemon(const OuterPlan& plan) : plan_(plan) {}
  MountDaemon(const MountDaemon&) = delete;
  MountDaemon& operator=(const MountDaemon&) = delete;

  // Until its views are mounted; without views nothing is started. False: it did not become ready.
  bool start();
  // When one of these is readable, look() has something to do; descriptors of -1 are none.
  std::vector<pollfd> watched() const;
  // Takes in what has come. False: the daemon has ended, and nobody has taken over.
  bool look();
  // In order: its mounts go, with what was not saved yet. What does not end in time is left to who
  // ends this layer.
  void end();

 private:
  struct Watched {
    pid_t pid = -1;
    int handle = -1;  // a pidfd
    bool over() const;
  };
  static Watched watch(pid_t pid);
  static void forget(Watched& process);

  bool open_sockets();
  void hear();
  void follow(pid_t named);
  bool may_follow(const Watched& process) const;
  void take_callers();
  void take_questions();
  bool take_question(int caller);
  void start_successor(int program);
  void answer(std::string_view words);

  const OuterPlan& plan_;
  int words_ = -1;            // of the daemon
  int requests_ = -1;         // of root; listening
  std::vector<int> callers_;  // who came by it and has asked nothing yet
  int asker_ = -1;            // whose question is being seen to, one at a time
  Watched daemon_;
  unsigned long followed_ = 0;  // how often another has become it
  Watched successor_;           // it has not taken over yet
};

}  // namespace outboard::harness
