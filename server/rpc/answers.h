// From an interface's answer to its message, for services that only translate.
#pragma once

#include <vector>

#include "core/result.h"
#include "proto/convert.h"
#include "proto/convert_admin.h"
#include "proto/convert_roster.h"

namespace outboard::server {

// Writes `answer` to `to`, or says why there is none.
template <class T, class Message>
Status answered(const Result<T>& answer, Message* to) {
  if (!answer) return answer.error();
  wire::write(*answer, to);
  return success();
}

// The same for lists; `add` makes the next message.
template <class T, class Add>
Status listed(const Result<std::vector<T>>& answer, Add add) {
  if (!answer) return answer.error();
  for (const T& item : *answer) wire::write(item, add());
  return success();
}

}  // namespace outboard::server
