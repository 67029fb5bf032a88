#include "server/rates.h"

#include <algorithm>
#include <cmath>

#include "server/access_limits.h"

namespace outboard::server {
namespace {

double full(std::uint64_t rate) {
  return static_cast<double>(rate) * std::chrono::duration<double>(kRateBurst).count();
}

// Milliseconds until a bucket that stands at `level` holds `wanted`.
std::uint32_t wait_ms(double level, double wanted, std::uint64_t rate) {
  const double seconds = (wanted - level) / static_cast<double>(rate);
  return static_cast<std::uint32_t>(std::clamp(std::ceil(seconds * 1'000), 1.0, 60'000.0));
}

Error too_much(const Caller& caller, const std::string& what, std::uint32_t wait) {
  Error error;
  error.code = Code::unavailable;
  error.message = caller.principal + " has asked for more than its " + what + " a second: wait " +
                  std::to_string(wait) + " ms, or ask for a higher rate";
  error.subject = caller.principal;
  error.retry_after_ms = wait;
  return error;
}

}  // namespace

bool Rates::limits(const Caller& caller) const {
  if (limits_.requests == 0 && limits_.bytes == 0) return false;
  return caller.token != 0 && caller.organisation != 0 && !caller.admin;
}

void Rates::forget_full(Buckets& buckets, Moment moment) {
  std::erase_if(buckets, [&](const auto& item) { return moment - item.second.at >= kRateBurst; });
}

Rates::Bucket& Rates::now(Buckets& buckets, const Caller& caller, Moment moment) {
  if (buckets.size() >= kRatePrincipalsMax) forget_full(buckets, moment);
  if (buckets.size() >= kRatePrincipalsMax) buckets.clear();  // all of them at once: start anew
  const Bucket fresh{full(limits_.requests), full(limits_.bytes), moment};
  auto& bucket =
      buckets.try_emplace(Key{caller.organisation, caller.principal}, fresh).first->second;
  const double seconds = std::chrono::duration<double>(moment - bucket.at).count();
  bucket.requests = std::min(full(limits_.requests),
                             bucket.requests + seconds * static_cast<double>(limits_.requests));
  bucket.bytes =
      std::min(full(limits_.bytes), bucket.bytes + seconds * static_cast<double>(limits_.bytes));
  bucket.at = moment;
  return bucket;
}

Status Rates::admit(const Caller& caller) {
  if (!limits(caller)) return success();
  const Moment moment = clock_.now();
  return buckets_.with([&](Buckets& buckets) -> Status {
    Bucket& bucket = now(buckets, caller, moment);
    if (limits_.bytes > 0 && bucket.bytes < 0) {
      return too_much(caller, std::to_string(limits_.bytes) + " bytes",
                      wait_ms(bucket.bytes, 0, limits_.bytes));
    }
    if (limits_.requests > 0 && bucket.requests < 1) {
      return too_much(caller, std::to_string(limits_.requests) + " requests",
                      wait_ms(bucket.requests, 1, limits_.requests));
    }
    bucket.requests -= 1;
    return success();
  });
}

void Rates::count(const Caller& caller, std::uint64_t bytes) {
  if (limits_.bytes == 0 || bytes == 0 || !limits(caller)) return;
  const Moment moment = clock_.now();
  buckets_.with(
      [&](Buckets& buckets) { now(buckets, caller, moment).bytes -= static_cast<double>(bytes); });
}

}  // namespace outboard::server
