// Activity: how busy a view has been since its daemon started.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace outboard::fusefs {

struct Activity {
  std::map<std::string, std::uint64_t> requests;  // of the kernel: "LOOKUP" → how many
  std::uint64_t errors = 0;                       // requests answered with EIO
};

}  // namespace outboard::fusefs
