// SleepWatch: notices that this process slept without having been told (stopped, frozen, or in a
// machine that was suspended or restored), and has each view pass a barrier then. [S55]
//
// What always holds: whoever looks, a request or the thread, finds the sleep, whichever of the two
// runs first; a view is doubted until a barrier that began behind the sleep has been passed.
// A busy machine may be taken for a sleep: that costs a barrier.
//
// slept() and add() from any thread; stop() from main's. The thread "wake" ends with stop(). One
// lock, a leaf; the views are called without it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "core/guarded.h"
#include "fusefs/volume/volume.h"

namespace outboard::fusefs {

class SleepWatch {
 public:
  // Nanoseconds: while the machine runs, with its sleeps, and by the wall.
  using Clocks = std::array<std::int64_t, 3>;
  static Clocks system_clocks();

  explicit SleepWatch(std::function<Clocks()> read = system_clocks);
  // REQUIRES: stopped.
  ~SleepWatch();
  SleepWatch(const SleepWatch&) = delete;
  SleepWatch& operator=(const SleepWatch&) = delete;

  // Until the volume's last other holder lets it go.
  void add(const std::shared_ptr<MountedVolume>& volume);
  // Nothing is a sleep from here on. Waits for a barrier under way, a second at most.
  void stop();

  // Whether any clock has gone on by more than kSleptAfter since the thread last looked.
  bool slept() const;

 private:
  using Volumes = std::vector<std::shared_ptr<MountedVolume>>;

  void run();
  void look(const Volumes& volumes);
  void note_sleep(const Volumes& volumes);

  const std::function<Clocks()> read_;
  std::array<std::atomic<std::int64_t>, 3> seen_;
  Mutex mutex_;
  Condition changed_;
  std::vector<std::weak_ptr<MountedVolume>> volumes_ GUARDED_BY(mutex_);
  bool stop_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace outboard::fusefs
