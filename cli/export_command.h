// export: all that is kept of one person, in files that need no Outboard to be read: a tar for each
// volume of their own, and every change they made anywhere, a JSON line each.
#pragma once

#include <string>

#include "cli/context.h"

namespace outboard::cli {

struct ExportOptions {
  std::string user;    // "acme/ada"
  std::string folder;  // is made
};
Status export_person(Context& context, const ExportOptions& options);

}  // namespace outboard::cli
