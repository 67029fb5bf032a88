// doctor: looks at a deployment from here and has the server look at itself; says what is wrong and
// what to do about it.
#pragma once

#include <string>

#include "cli/context.h"

namespace outboard::cli {

struct DoctorOptions {
  std::string control;  // a mount's control socket; empty: no mount is looked at
};
// Prints every finding. Refused when one of them is wrong; unavailable when the server is not
// reached.
Status examine(Context& context, const DoctorOptions& options);

}  // namespace outboard::cli
