// Clock: time as a thing one is given, so that tests own it.
//
// Two times, never mixed: Moment for deadlines (steady, in this process) and Timestamp for what is
// stored and shown (wall clock). Leases and expiries are decided by the database's clock alone.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace outboard {

using Moment = std::chrono::steady_clock::time_point;

inline constexpr std::int64_t kNanosPerMilli = 1'000'000;

// Nanoseconds since 1970 in UTC.
struct Timestamp {
  std::int64_t nanoseconds = 0;

  friend auto operator<=>(const Timestamp&, const Timestamp&) = default;
};

// RFC 3339 with milliseconds: 2026-01-31T12:00:00.000Z.
std::string to_string(Timestamp at);

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Moment now() const = 0;
  virtual Timestamp wall() const = 0;
};

class SystemClock final : public Clock {
 public:
  Moment now() const override;
  Timestamp wall() const override;
};

// Stands still until told to move. Not for use by several threads at once.
class ManualClock final : public Clock {
 public:
  Moment now() const override { return now_; }
  Timestamp wall() const override { return wall_; }
  void advance(std::chrono::nanoseconds by) {
    now_ += std::chrono::duration_cast<Moment::duration>(by);
    wall_.nanoseconds += by.count();
  }

 private:
  Moment now_{};
  Timestamp wall_{1'767'225'600'000'000'000};  // 2026-01-01
};

}  // namespace outboard
