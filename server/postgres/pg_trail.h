// PgTrail: refused attempts and reads, gathered and written by a thread of its own.
//
// Access → refused(), read() → counted under one lock → the thread `trail` → two statements every
// kTrailPause. Equal ones are counted, not listed, so a program that asks in a loop costs a number.
//
// What always holds: at most kTrailEntriesMax different ones wait, also while the database is away;
// how many more there were is logged. What came in the last kTrailPause may be lost with the
// process. Any thread may call.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <thread>

#include "core/guarded.h"
#include "server/postgres/connection_pool.h"
#include "server/trail.h"

namespace outboard::server {

class PgTrail final : public Trail {
 public:
  explicit PgTrail(ConnectionPool& pool);
  // Writes what was gathered, if the database takes it.
  ~PgTrail() override;
  PgTrail(const PgTrail&) = delete;
  PgTrail& operator=(const PgTrail&) = delete;

  void refused(const Caller& caller, const Attempt& attempt) override;
  void read(const Caller& caller, VolumeId volume, Inode inode) override;

 private:
  struct RefusalKey {
    std::uint64_t organisation = 0;
    VolumeId volume;
    std::string principal;
    std::uint64_t token = 0;
    SessionId session;
    std::string op, path;
    Code code = Code::no_access;
    friend auto operator<=>(const RefusalKey&, const RefusalKey&) = default;
  };
  struct ReadKey {
    VolumeId volume;
    Inode inode;
    std::string principal;
    friend auto operator<=>(const ReadKey&, const ReadKey&) = default;
  };
  struct Times {
    std::uint64_t count = 0;
    std::chrono::system_clock::time_point first, last;
  };
  struct Gathered {
    std::map<RefusalKey, Times> refusals;
    std::map<ReadKey, Times> reads;
    std::uint64_t dropped = 0;
    bool empty() const { return refusals.empty() && reads.empty() && dropped == 0; }
  };

  template <class Key>
  void note(std::map<Key, Times> Gathered::*kind, Key key);
  bool gather(Gathered& taken);
  void run();
  void write(Gathered taken, Moment until);
  bool write_refusals(const Gathered& taken, Moment until);
  bool write_reads(const Gathered& taken, Moment until);

  ConnectionPool& pool_;
  Mutex mutex_;
  Condition changed_;
  Gathered gathered_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace outboard::server
