#include "server/trail.h"

namespace outboard::server {

bool is_on_record(Code code) {
  switch (code) {
    case Code::no_access:
    case Code::unauthenticated:
    case Code::read_only:
    case Code::no_space:
    case Code::fenced: return true;
    case Code::invalid:
    case Code::not_found:
    case Code::exists:
    case Code::not_directory:
    case Code::is_directory:
    case Code::not_empty:
    case Code::name_too_long:
    case Code::too_big:
    case Code::conflict:
    case Code::cross_volume:
    case Code::history_gone:
    case Code::timed_out:
    case Code::unavailable:
    case Code::unsupported:
    case Code::corrupt: return false;
  }
  CHECK(false);
}

}  // namespace outboard::server
