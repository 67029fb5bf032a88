// KernelSession: one mounted view: the descriptor of /dev/fuse and the workers that read it.
//
// kernel ~/dev/fuse~ → a worker → ops → MountedVolume → the answer, on the same thread. No libfuse
// type shows here, so that main.cpp can own one.
//
// What always holds: after stop() the mountpoint is a plain directory again and no worker runs.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/counters.h"
#include "core/result.h"
#include "fusefs/kernel/mounting.h"
#include "fusefs/volume/activity.h"
#include "fusefs/volume/invalidator.h"
#include "fusefs/volume/volume.h"

namespace outboard::fusefs {

class Notifier;

// Owns the threads that tell the kernel; made before the volume, which posts to it.
class KernelNotifier {
 public:
  KernelNotifier();
  ~KernelNotifier();
  KernelNotifier(const KernelNotifier&) = delete;
  KernelNotifier& operator=(const KernelNotifier&) = delete;
  Invalidator& invalidator();
  // What the kernel may not have heard yet.
  std::vector<Notice> pending() const;

 private:
  friend class KernelSession;
  std::unique_ptr<Notifier> notifier_;
};

// Whether this kernel can be told to look up every name again (FUSE_NOTIFY_INC_EPOCH, Linux 6.16).
bool kernel_forgets_all();

struct SessionConfig {
  std::string mountpoint;         // an existing directory
  Mounting* mounting = nullptr;   // unset: this process mounts it; else it outlives the session
  std::size_t workers = 12;       // at first; one more is born whenever the last one is taken, so
  std::size_t workers_max = 256;  // that who waits for the store keeps nobody from what is cached
  // A request that is unanswered for so long after every deadline is stuck for ever: the view ends.
  std::chrono::milliseconds stuck_after = kStuckAfter;
  std::function<void()> on_ended;  // unmounted from outside; called once, on a worker
};

// A view that one process serves, for another to go on with.
struct HandedSession {
  int descriptor = -1;           // of /dev/fuse
  std::string greeted, replied;  // the kernel's INIT, and what it was answered
  std::vector<std::string>
      waiting;  // requests that wait for other programs, as the kernel sent them
};

class KernelSession {
 public:
  // Mounts and starts the workers. invalid: the mountpoint is no directory, or a dead mount.
  static Result<std::unique_ptr<KernelSession>> start(const SessionConfig& config,
                                                      MountedVolume& volume,
                                                      KernelNotifier& notifier);
  // Of a view that another process has parked: nothing is read, and the kernel notices nothing,
  // before serve(). The descriptor is the session's. REQUIRES: config.mounting. unsupported: the
  // kernel was promised what this program does not keep.
  static Result<std::unique_ptr<KernelSession>> take_over(const SessionConfig& config,
                                                          MountedVolume& volume,
                                                          KernelNotifier& notifier,
                                                          HandedSession handed);
  void serve();
  ~KernelSession();
  KernelSession(const KernelSession&) = delete;
  KernelSession& operator=(const KernelSession&) = delete;

  // What the kernel has asked since the start. Any thread.
  Activity activity() const;
  void measure(Figures& to, const Labels& view) const;
  // Whether no program waits for an answer; waits for that until `until`. Any thread.
  bool idle(Moment until);

  // As stop(), unless a program uses the view. conflict: one does, and nothing has happened;
  // unsupported: that cannot be found out here. From any thread, one at a time. [S62]
  Status leave();
  // For a successor [S59]: no request is read from here on, and none is being answered but those
  // that wait for other programs. False: one still is at `until`, the kernel has not greeted yet,
  // or the view was unmounted; all goes on.
  bool park(Moment until);
  void unpark();
  // REQUIRES: parked. The descriptor stays the session's.
  HandedSession handed() const;

  // Takes the view out of the tree (lazily when it is in use), answers what is under way, publishes
  // what is unsaved, ends the workers. A second call does nothing.
  void stop();

 private:
  struct Parts;
  explicit KernelSession(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace outboard::fusefs
