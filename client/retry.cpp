#include "client/retry.h"

#include <algorithm>

namespace outboard::client {

std::optional<Moment> Retry::next(const Error& error, Moment now) {
  if (error.code != Code::unavailable) return std::nullopt;
  // xorshift64: spread is all that is asked of it.
  state_ ^= state_ << 13U;
  state_ ^= state_ >> 7U;
  state_ ^= state_ << 17U;
  const auto half = wait_ / 2;
  const auto spread = std::chrono::milliseconds(
      static_cast<std::int64_t>(state_ % static_cast<std::uint64_t>(half.count() + 1)));
  const auto wait = std::max(half + spread, std::chrono::milliseconds(error.retry_after_ms));
  wait_ = std::min<std::chrono::milliseconds>(wait_ * 2, kReconnectWaitMax);
  const Moment again = now + wait;
  if (again >= deadline_) return std::nullopt;
  return again;
}

}  // namespace outboard::client
