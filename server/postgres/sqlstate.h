// Table 2 of 3: what Postgres says went wrong, in the words of a filesystem.
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"

namespace outboard::server {

// States that the code acts upon.
inline constexpr std::string_view kLockNotAvailable = "55P03";
inline constexpr std::string_view kUniqueViolation = "23505";
inline constexpr std::string_view kDeadlock = "40P01";
inline constexpr std::string_view kSerialization = "40001";
inline constexpr std::string_view kConnectionLost = "08006";
inline constexpr std::string_view kReadOnly = "25006";  // a standby, or a primary that was demoted

// `message` is Postgres' own and becomes part of the Error's.
Error from_sqlstate(std::string_view state, std::string_view message);

// Another transaction was in the way: the same again may succeed.
bool is_race(std::string_view state);

}  // namespace outboard::server
