// Faults: the first complaint about a message that was read.
//
// Reading goes on after a fault with a default in its place, so that readers stay plain; whoever
// called asks once at the end. Used by one thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/result.h"

namespace outboard::wire {

class Faults {
 public:
  // `field` breaks a rule: the sender's mistake.
  void broken(std::string_view field, std::string_view rule) {
    note(Code::invalid, "field " + std::string(field) + " " + std::string(rule));
  }
  // `field` has a value that this program does not know: the sender is newer.
  void unknown(std::string_view field) {
    note(Code::unsupported, "field " + std::string(field) +
                                " has a value that this program does not know; the other side is "
                                "newer: upgrade this one");
  }

  explicit operator bool() const { return first_.has_value(); }
  // REQUIRES: there is one.
  const Error& error() const { return *first_; }
  // `value`, unless there was a fault.
  template <class T>
  Result<T> or_error(T value) const {
    if (first_) return *first_;
    return value;
  }

 private:
  void note(Code code, std::string message) {
    if (first_) return;
    first_.emplace();
    first_->code = code;
    first_->message = std::move(message);
  }

  std::optional<Error> first_;
};

}  // namespace outboard::wire
