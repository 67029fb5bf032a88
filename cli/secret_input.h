// Secrets that a command is given: from a file or standard input, never from an argument.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>

#include "core/result.h"

namespace outboard::cli {

inline constexpr std::uint64_t kTokenFileBytesMax = 4096;

// The secret in `file`, or the first line of `in` when it is "-"; without blanks at its end.
// invalid: there is none; `what` says what was looked for.
Result<std::string> read_secret(std::istream& in, const std::string& file, std::uint64_t bytes_max,
                                const std::string& what);

}  // namespace outboard::cli
