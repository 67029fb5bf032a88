// Small files that are there whole or not at all, also after a crash.
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"

namespace outboard::harness {

// exists: the name is taken, by whatever. On disk, name and all, when it returns.
Status create_durable(const std::string& path, std::string_view text);
// Replaces what is there, at once.
Status replace_durable(const std::string& path, std::string_view text);
// not_found: no such file.
Result<std::string> read_small_file(const std::string& path);

}  // namespace outboard::harness
