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
  // Answered with EIO.
  void failed() { failed_.add(); }
  Activity activity() const;

 private:
  static constexpr std::size_t kOpcodes = 64;

  std::array<Counter, kOpcodes> arrived_;
  Counter failed_;
};

}  // namespace outboard::fusefs
