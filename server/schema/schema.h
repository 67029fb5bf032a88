// The schema's migrations, as the binary carries them: numbered, forward only.
#pragma once

#include <string_view>
#include <vector>

namespace outboard::server {

struct Migration {
  int number = 0;
  std::string_view name;  // "0001_tables"
  std::string_view sql;   // statements, run in one transaction
};

// All of them, by number from 1 without gaps. The views live as long as the program.
const std::vector<Migration>& migrations();

}  // namespace outboard::server
