// status: whether the server answers, what it is, and what this token sees of it.
#pragma once

#include <string_view>

#include "cli/context.h"

namespace outboard::cli {

// Of this program: "0.1.0".
std::string_view program_version();

Status show_status(Context& context);

}  // namespace outboard::cli
