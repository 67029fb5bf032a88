// RequestNumbers: numbers for the mutations of one client process, and which the store may forget.
//
// All volumes of a daemon share one, since the store counts per client. Any thread may call it.
#pragma once

#include <cstdint>
#include <set>

#include "core/guarded.h"
#include "core/ids.h"

namespace outboard::fusefs {

class RequestNumbers {
 public:
  explicit RequestNumbers(ClientId client) : client_(client) {}

  ClientId client() const { return client_; }
  // A new number, open until it is ended.
  RequestId begin() {
    return open_.with([&](Open& open) {
      open.numbers.insert(++open.last);
      return RequestId{client_, open.last};
    });
  }
  // The request's fate is known, or it will not be asked about again.
  void end(std::uint64_t number) {
    open_.with([&](Open& open) { open.numbers.erase(number); });
  }
  // Every number up to this one has ended.
  std::uint64_t acknowledged() const {
    return open_.with([](const Open& open) {
      return open.numbers.empty() ? open.last : *open.numbers.begin() - 1;
    });
  }

  // Its parts, for another daemon of the same client (packed.h).
  template <class Pack>
  friend void describe(Pack& pack, RequestNumbers& numbers) {
    numbers.open_.with([&](Open& open) { pack(open.last, open.numbers); });
  }

 private:
  struct Open {
    std::uint64_t last = 0;
    std::set<std::uint64_t> numbers;
  };
  const ClientId client_;
  Guarded<Open> open_;
};

}  // namespace outboard::fusefs
