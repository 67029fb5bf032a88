#include "core/result.h"

namespace outboard {

std::string_view name_of(Code code) {
  switch (code) {
    case Code::not_found: return "not_found";
    case Code::exists: return "exists";
    case Code::not_directory: return "not_directory";
    case Code::is_directory: return "is_directory";
    case Code::not_empty: return "not_empty";
    case Code::name_too_long: return "name_too_long";
    case Code::invalid: return "invalid";
    case Code::no_access: return "no_access";
    case Code::unauthenticated: return "unauthenticated";
    case Code::read_only: return "read_only";
    case Code::too_big: return "too_big";
    case Code::no_space: return "no_space";
    case Code::conflict: return "conflict";
    case Code::fenced: return "fenced";
    case Code::cross_volume: return "cross_volume";
    case Code::history_gone: return "history_gone";
    case Code::timed_out: return "timed_out";
    case Code::unavailable: return "unavailable";
    case Code::unsupported: return "unsupported";
    case Code::corrupt: return "corrupt";
  }
  CHECK(false);
}

}  // namespace outboard
