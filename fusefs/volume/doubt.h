// in_doubt(): whether a request that failed so may have happened, or happen still.
#pragma once

#include "core/result.h"

namespace outboard::fusefs {

inline bool is_in_doubt(const Error& error) {
  return error.code == Code::timed_out || error.code == Code::unavailable;
}

// Not only what is in doubt: a token is renewed. [S41]
inline bool may_succeed_later(const Error& error) {
  return is_in_doubt(error) || error.code == Code::unauthenticated;
}

}  // namespace outboard::fusefs
