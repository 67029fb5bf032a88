// Retry: when to ask again, and when to give up. Pure; the caller waits.
//
// Only `unavailable` is worth another try. Waits double from kReconnectWaitMin to
// kReconnectWaitMax, each cut by up to a half at random so that a thousand clients of one server
// that came back do not ask in step; a server's own advice is a lower bound.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "core/clock.h"
#include "core/limits.h"
#include "core/result.h"

namespace outboard::client {

class Retry {
 public:
  // Different seeds give different waits.
  Retry(Moment deadline, std::uint64_t seed) : deadline_(deadline), state_(seed | 1U) {}

  // When to try again after `error`; nothing: never, answer with the error.
  std::optional<Moment> next(const Error& error, Moment now);
  // It worked: start over with short waits.
  void reset() { wait_ = kReconnectWaitMin; }

 private:
  Moment deadline_;
  std::uint64_t state_;
  std::chrono::milliseconds wait_ = kReconnectWaitMin;
};

}  // namespace outboard::client
