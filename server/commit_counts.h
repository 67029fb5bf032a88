// CommitCounts: what a Committer counts of its groups. Counted under no lock; read at any time.
#pragma once

#include <array>
#include <chrono>

#include "core/counters.h"
#include "core/result.h"
#include "core/store.h"

namespace outboard::server {

class CommitCounts {
 public:
  // One group, from its first try to its answers.
  void group(std::size_t batches, std::chrono::nanoseconds took);
  // One caller's batch has its answer.
  void answered(const Result<Applied>& answer);
  void measure(Figures& to) const;

 private:
  static constexpr std::size_t kCodes = static_cast<std::size_t>(Code::corrupt) + 1;

  Spread group_batches_{1};
  Spread group_seconds_{kDurationBoundMin};
  Counter applied_;
  Counter repeated_;
  std::array<Counter, kCodes> refused_;
};

}  // namespace outboard::server
