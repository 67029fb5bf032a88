#include "cli/json_output.h"

#include <ostream>

namespace outboard::cli {

void print_json(Screen& screen, const Json& document) {
  screen.out() << document.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
}

}  // namespace outboard::cli
