// How --json answers look: one document, indented by two, names that are no UTF-8 replaced.
#pragma once

#include <nlohmann/json.hpp>

#include "cli/screen.h"

namespace outboard::cli {

using Json = nlohmann::ordered_json;  // fields in the order in which they were written

void print_json(Screen& screen, const Json& document);

}  // namespace outboard::cli
