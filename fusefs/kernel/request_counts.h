// RequestCounts: what the kernel asked of one session, by operation, and how much of it failed.
//
// Counted where a request is read, before anybody looks at it. Any thread may add and read.
#pragma once

#include <array>
#include <cstdint>

#include "core/counters.h"
#include "fusefs/volume/activity.h"

namespace outboard::fusefs {

class RequestCounts {
 public:
  // `opcode` as linux/fuse.h numbers it.
  void arrived(std::uint32_t opcode);
  // Answered with an errno.
  void refused(int number);
  Activity activity() const;
  void measure(Figures& to, const Labels& view) const;

 private:
  static constexpr std::size_t kOpcodes = 64;
  static constexpr std::size_t kNumbers = 134;  // Linux' errnos end at EHWPOISON, 133

  std::array<Counter, kOpcodes> arrived_;
  std::array<Counter, kNumbers> refused_;
};

}  // namespace outboard::fusefs
