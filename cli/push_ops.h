// The ops of one step of a push. Reads the file that the step sends.
#pragma once

#include <vector>

#include "cli/push_plan.h"
#include "core/op.h"

namespace outboard::cli {

NameRef name_at(std::string_view path);

// Whether a step sends a file that is too large for one op.
bool goes_in_pieces(const PushStep& step);

// In order; the first is the one that acts on the step's name. With `guarded`, it says what it
// expects there. conflict: the file changed since it was compared.
Result<std::vector<Step>> ops_of(const PushStep& step, bool guarded);

// What makes a node's extended attributes, and its mode when `mode`, those of the local one.
void add_attributes(const PushStep& step, bool mode, std::vector<Step>& to);

}  // namespace outboard::cli
