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

// Who was asked, and how a person names another one.
struct Peer {
  std::string address;
  std::string what;      // "server"
  std::string option;    // "--server"
  std::string variable;  // "OUTBOARD_SERVER"
};

// "error: …" and, below it, a hint.
void print_error(Screen& screen, const Error& error, const Peer& peer);

}  // namespace outboard::cli
