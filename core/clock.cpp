#include "core/clock.h"

#include <array>
#include <cstdio>
#include <ctime>

namespace outboard {
namespace {

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;

}  // namespace

std::string to_string(Timestamp at) {
  std::int64_t seconds = at.nanoseconds / kNanosPerSecond;
  std::int64_t rest = at.nanoseconds % kNanosPerSecond;
  if (rest < 0) {
    rest += kNanosPerSecond;
    --seconds;
  }
  const std::time_t whole = seconds;
  std::tm parts{};
  gmtime_r(&whole, &parts);
  std::array<char, 32> date{};
  const std::size_t size = std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::array<char, 8> milli{};
  std::snprintf(milli.data(), milli.size(), ".%03dZ", static_cast<int>(rest / kNanosPerMilli));
  return std::string(date.data(), size) + milli.data();
}

Moment SystemClock::now() const {
  return std::chrono::steady_clock::now();
}

Timestamp SystemClock::wall() const {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::nanoseconds>(since).count()};
}

}  // namespace outboard
