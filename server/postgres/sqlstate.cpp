#include "server/postgres/sqlstate.h"

namespace outboard::server {
namespace {

bool in_class(std::string_view state, std::string_view kind) {
  return state.substr(0, 2) == kind;
}

Code code_of(std::string_view state) {
  if (state == "57014") return Code::timed_out;            // query cancelled: statement_timeout
  if (state == kLockNotAvailable) return Code::timed_out;  // lock_timeout
  if (state == "53100") return Code::no_space;             // disk full
  if (state == "23505") return Code::exists;               // unique violation
  if (state == "22021" || state == "22P05") return Code::invalid;  // bytes that are no text
  if (state == "42501") return Code::no_access;                    // insufficient privilege
  if (state == kReadOnly) return Code::unavailable;  // a standby: the primary has moved
  if (in_class(state, "08") || in_class(state, "57") || in_class(state, "53") ||
      in_class(state, "58") || in_class(state, "40") || in_class(state, "25")) {
    return Code::unavailable;  // connection, shutdown, resources, I/O, serialization, transaction
  }
  if (in_class(state, "XX")) return Code::corrupt;
  if (in_class(state, "28")) return Code::unavailable;  // the server's own login was refused
  return Code::invalid;
}

}  // namespace

Error from_sqlstate(std::string_view state, std::string_view message) {
  std::string text = "the database says: ";
  const std::size_t end = message.find_last_not_of(" \n");
  text.append(end == std::string_view::npos ? "nothing" : message.substr(0, end + 1));
  if (!state.empty()) text.append(" (SQLSTATE ").append(state).append(")");
  const Code code = code_of(state);
  if (code == Code::unavailable) text.append("; trying again may help");
  return Error{code, std::move(text)};
}

bool is_race(std::string_view state) {
  return state == kUniqueViolation || state == kDeadlock || state == kSerialization;
}

}  // namespace outboard::server
