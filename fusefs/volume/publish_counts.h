// PublishCounts: how a view's publishes ended. Counted where an answer has come; any thread.
#pragma once

#include <array>

#include "core/counters.h"
#include "core/result.h"
#include "core/store.h"

namespace outboard::fusefs {

class PublishCounts {
 public:
  void answered(const Result<Applied>& answer);
  // What could not be published went beside the file at its last close.
  void rescued() { beside_.add(); }
  void measure(Figures& to, const Labels& view) const;

 private:
  static constexpr std::size_t kCodes = static_cast<std::size_t>(Code::corrupt) + 1;

  Counter done_;
  std::array<Counter, kCodes> refused_;
  Counter overwrote_, merged_, beside_;
};

}  // namespace outboard::fusefs
