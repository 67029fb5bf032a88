// Rates: how much each principal may ask of one server, in requests and in bytes of content.
//
// server/rpc asks admit() for every request whose token it has read; Access counts the bytes that
// were written and read. A bucket for each: it fills at the rate, holds kRateBurst of it, and may
// be overdrawn by one answer, which is then waited for. Administrators and the site are not
// limited: a harness works for many.
//
// Any thread. A principal who has been quiet until its buckets are full is not remembered.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "core/call.h"
#include "core/guarded.h"
#include "core/result.h"

namespace outboard::server {

struct RateLimits {
  std::uint64_t requests = 0;  // per second; 0: no limit
  std::uint64_t bytes = 0;     // per second; 0: no limit
};

class Rates {
 public:
  Rates(const RateLimits& limits, const Clock& clock) : limits_(limits), clock_(clock) {}

  // unavailable, with the time to wait: the caller has asked for more than its share.
  Status admit(const Caller& caller);
  // Content that went to or fro.
  void count(const Caller& caller, std::uint64_t bytes);

 private:
  using Key = std::pair<std::uint64_t, std::string>;  // organisation, principal
  struct Bucket {
    double requests = 0;
    double bytes = 0;
    Moment at{};  // when they were as they stand here
  };
  using Buckets = std::map<Key, Bucket>;

  bool limits(const Caller& caller) const;
  // The caller's bucket as it is now.
  Bucket& now(Buckets& buckets, const Caller& caller, Moment moment);
  void forget_full(Buckets& buckets, Moment moment);

  const RateLimits limits_;
  const Clock& clock_;
  Guarded<Buckets> buckets_;
};

}  // namespace outboard::server
