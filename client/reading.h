// From an answer's messages to values, for clients that only translate.
#pragma once

#include <utility>
#include <vector>

#include "proto/convert.h"
#include "proto/convert_admin.h"
#include "proto/convert_roster.h"

namespace outboard::client {

template <class Message>
auto read_one(const Message& message) {
  wire::Faults faults;
  auto value = wire::read(message, faults);
  return faults.or_error(std::move(value));
}

template <class T, class Messages>
Result<std::vector<T>> read_list(const Messages& messages) {
  wire::Faults faults;
  std::vector<T> values;
  for (const auto& message : messages) values.push_back(wire::read(message, faults));
  return faults.or_error(std::move(values));
}

}  // namespace outboard::client
