// Teller: the process that makes changes once more in one view, for those who watch there.
//
// MountedVolume::next_telling() → the thread "tell" → a datagram → the process → the view, where
// the daemon knows it by its number and answers as volume_telling.cpp says. Who serves a mount must
// not wait in it: a process that does both can be ended by nobody. [S12, D33]
//
// What always holds: it acts below the view's root alone, and only while that is a FUSE mount; the
// daemon does nothing real for it. It may be kept waiting by whoever holds a directory, and keeps
// nobody waiting but the next telling.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "core/result.h"
#include "fusefs/confinement/privileges.h"
#include "fusefs/volume/volume.h"

namespace outboard::fusefs {

class Teller {
 public:
  // For the view at `path`. `forget` is called in the new process alone, to wipe what it must not
  // know. unavailable: no process can be made. REQUIRES: this process has one thread.
  static Result<std::unique_ptr<Teller>> start(const std::string& path,
                                               const std::function<void()>& forget = {});
  // Ends the thread, then the process, which is not waited for: the view may hold it.
  ~Teller();
  // What one that is started here will be able to do beyond this process's user.
  static Capabilities rights();
  Teller(const Teller&) = delete;
  Teller& operator=(const Teller&) = delete;

  // Its requests to the view are told by this number. It is not reaped while this object lives, so
  // that nobody else has it.
  pid_t process() const { return process_; }
  // Tells what happens in `volume`, which must outlive this. Once.
  void follow(MountedVolume& volume);

 private:
  Teller(int socket, pid_t process) : socket_(socket), process_(process) {}

  const int socket_;
  const pid_t process_;
  MountedVolume* volume_ = nullptr;
  std::thread thread_;
};

}  // namespace outboard::fusefs
