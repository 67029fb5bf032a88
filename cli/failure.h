// How a refusal looks to the person, and which exit code it is. The error's own sentence says the
// input and the rule; the hint adds the way out that only the CLI knows.
#pragma once

#include <string>

#include "cli/screen.h"
#include "core/result.h"

namespace outboard::cli {

inline constexpr int kExitOk = 0;
inline constexpr int kExitRefused = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitUnreachable = 3;

// unavailable and timed_out are kExitUnreachable, all others kExitRefused.
int exit_code_of(Code code);

// "error: …" and, below it, a hint. `address` is the server's.
void print_error(Screen& screen, const Error& error, const std::string& address);

}  // namespace outboard::cli
