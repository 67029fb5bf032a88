// Result<T>: the answer to a request that may be refused.
//
// Every function that can fail for a reason outside the program returns a Result. A bug is not a
// Result: broken invariants go to CHECK (core/check.h). Exceptions never cross a room's border;
// server/postgres and the CLI's parser turn them into Errors where they arise.
//
// The member names follow std::expected, so that this file can become an alias on the day the
// compiler has it (g++ 12 has it only in C++23 mode).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "core/check.h"

namespace outboard {

// What went wrong, in the words of a filesystem. Three files translate these and nothing else
// does: fusefs/kernel/reply.cpp, proto/status.cpp, server/postgres/sqlstate.cpp.
enum class Code {
  not_found,        // no such name, node or version, or one the caller may not know of
  exists,           // the name is taken
  not_directory,    // a path goes through something that is no directory
  is_directory,     // a directory where only a file will do
  not_empty,        // a directory that still has names in it
  name_too_long,    // a name over kNameBytesMax or a path over kPathBytesMax
  invalid,          // a request that breaks a rule; the message says which and the way out
  no_access,        // known caller, missing grant
  unauthenticated,  // no token, or one that is unknown, expired or revoked
  read_only,        // a write to a read-only view, grant or revision
  too_big,          // over a size limit of core/limits.h
  no_space,         // over a quota of the volume or the organisation
  conflict,         // a precondition no longer holds; current_version says what is there
  fenced,           // a newer epoch or generation has taken over: stop at once
  cross_volume,     // a rename or link from one volume to another
  history_gone,     // the change log no longer reaches back that far: take a snapshot
  timed_out,        // the deadline passed before the answer came
  unavailable,      // the store cannot be reached; trying again may help
  unsupported,      // a known operation that this server does not have
  corrupt,          // stored bytes do not match their digest
};

// The code's name as users, logs and the wire spell it: "not_found".
std::string_view name_of(Code code);

// One refusal. `message` is a sentence for a person: the input, the rule, the way out.
struct Error {
  Code code = Code::invalid;
  std::string message;
  std::string subject = {};           // the path, name or id at fault; empty: the request itself
  std::uint64_t current_version = 0;  // with conflict: the version found instead; 0: absent
  std::uint32_t step = 0;             // index of the refused step within a batch
  std::uint32_t retry_after_ms = 0;   // 0: no advice

  friend bool operator==(const Error&, const Error&) = default;
};

// A value or an Error. Reading the wrong one is a bug and aborts.
template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(T value) : held_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : held_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const { return held_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & {
    CHECK(has_value());
    return *std::get_if<0>(&held_);
  }
  const T& value() const& {
    CHECK(has_value());
    return *std::get_if<0>(&held_);
  }
  T&& value() && {
    CHECK(has_value());
    return std::move(*std::get_if<0>(&held_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const& {
    CHECK(!has_value());
    return *std::get_if<1>(&held_);
  }
  Error&& error() && {
    CHECK(!has_value());
    return std::move(*std::get_if<1>(&held_));
  }

  T value_or(T fallback) const& { return has_value() ? value() : std::move(fallback); }

 private:
  std::variant<T, Error> held_;
};

// Success without a value.
struct Nothing {
  friend bool operator==(const Nothing&, const Nothing&) = default;
};
using Status = Result<Nothing>;
inline Status success() {
  return Nothing{};
}

}  // namespace outboard
