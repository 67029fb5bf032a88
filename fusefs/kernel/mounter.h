// Mounter: the process beside the daemon that may still mount, once the daemon may nothing.
//
// main → start(), while there is one thread → a view's Mounting, walk() → a datagram → the mounter.
// It mounts, unmounts and aborts the views of the command line, and those that come later at the
// same places, in the root of a view or beneath the directories that were allowed; it looks at what
// they show, and does nothing else. It holds no descriptor of any view, so that a view ends with
// its daemon. When the daemon is gone, however it went, it takes out of the tree what is left of it
// there, and ends. [S60, D35]
//
// Any thread may ask. Each question has a socket of its own for its answer, so none waits for
// another's; only walks last.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "fusefs/kernel/mounting.h"

namespace outboard::fusefs {

class Mounter {
 public:
  // Of the words between it and its daemon; raised when they change.
  static constexpr std::uint32_t kFormat = 2;

  struct Config {
    std::vector<MountPlan> views;
    bool mounts = true;                // false: whoever started us has; it only looks
    std::vector<std::string> allowed;  // directories beneath which later views may stand
    // Looks at all at and below a place, in a child of the mounter: an exit code for walk().
    std::function<int(const std::string& place)> look;
    int nothing_there = 3;  // what it says of a place where nothing stands
  };

  // unavailable: no process can be made. REQUIRES: this process has one thread.
  static Result<std::unique_ptr<Mounter>> start(const Config& config);
  // One that another daemon has started, and whose socket it has handed over: it goes on, in the
  // words of the program that it was started from (kFormat).
  static std::unique_ptr<Mounter> adopt(int socket, pid_t process);
  // The mounter has ended, and with it what was mounted, unless it hangs.
  ~Mounter();
  Mounter(const Mounter&) = delete;
  Mounter& operator=(const Mounter&) = delete;

  // What adopt() wants.
  int socket() const { return socket_; }
  pid_t process() const { return process_; }
  // One more view's number; the first have those of Config::views. no_access: it may not stand
  // there; invalid: no path or no volume; no_space: there are too many. [S62]
  Result<std::size_t> add(const MountPlan& plan) const;
  // It is unmounted by now, and its number means nothing any more.
  void forget(std::size_t number) const;
  // Of the view with that number; the Mounter must outlive it.
  std::unique_ptr<Mounting> view(std::size_t number) const;
  // Whether this kernel forgets what it is told to, which was tried at the start. unsupported: it
  // does not; unavailable: it could not be tried.
  Status check_kernel() const;
  // Blocks until all at and below `place` ("/": all), a path within the view, was looked at, so
  // that the kernel remembers it. timed_out: it was given up at `deadline`; not_found: nothing
  // stands there; unavailable: it could not look at all.
  Status walk(std::size_t number, const std::string& place, Moment deadline) const;

 private:
  Mounter(int socket, pid_t process) : socket_(socket), process_(process) {}

  const int socket_;
  const pid_t process_;
};

}  // namespace outboard::fusefs
