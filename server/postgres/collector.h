// Collector: takes what the volumes' retention lets go, on a thread of its own, in small steps.
//
// A step is one short transaction (schema/0004_past.sql, collect_step) under an advisory lock, so
// that of several servers one collects a volume at a time; the volume's row is written last and
// held for its COMMIT only, so no writer waits for more than that. A step that fails is tried again
// with the next round. [S31]
#pragma once

#include <chrono>
#include <thread>

#include "core/admin.h"
#include "core/guarded.h"
#include "core/limits.h"
#include "server/postgres/connection_pool.h"

namespace outboard::server {

class Collector {
 public:
  // `every` is the pause between two rounds over all volumes.
  explicit Collector(ConnectionPool& pool, std::chrono::milliseconds every = kCollectInterval);
  ~Collector();
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  // All that a volume lets go now; any thread. unavailable: another server is at it.
  // timed_out: what was done until `deadline` stays done.
  static Result<Collected> collect(ConnectionPool& pool, VolumeId volume, Moment deadline);

 private:
  void run();
  void round();
  void drop_passing();
  bool stopping();

  ConnectionPool& pool_;
  const std::chrono::milliseconds every_;
  Mutex mutex_;
  Condition woken_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace outboard::server
