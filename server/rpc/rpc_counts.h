// RpcCounts: how many calls came, how they were answered and how long that took, by method.
//
// An interceptor of gRPC's, made for each call when figures are wanted and never otherwise: no
// service knows of it. It lives as long as its call; what it counts lives here, and outlives the
// server that it watches.
#pragma once

#include <grpcpp/support/server_interceptor.h>

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/counters.h"
#include "core/guarded.h"

namespace outboard::server {

class RpcCounts {
 public:
  // For ServerBuilder.
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> creators();
  void measure(Figures& to) const;

 private:
  static constexpr std::size_t kCodes = static_cast<std::size_t>(grpc::UNAUTHENTICATED) + 1;
  struct Method {
    Counter begun;
    std::array<Counter, kCodes> answered;
    Spread seconds{kDurationBoundMin};  // of unary calls: a watch lasts for days
  };
  class Call;
  class Creator;

  Method& of(const char* method);

  // Methods of our protos only, so a handful; never erased.
  Guarded<std::map<std::string, std::unique_ptr<Method>, std::less<>>> methods_;
};

}  // namespace outboard::server
