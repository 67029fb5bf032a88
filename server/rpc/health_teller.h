// HealthTeller: asks Readiness every kReadinessInterval and tells gRPC's health service, which
// tells those who watch it. One thread, "outboard-health"; logs only changes.
#pragma once

#include <grpcpp/health_check_service_interface.h>

#include <thread>

#include "core/counters.h"
#include "core/guarded.h"
#include "server/readiness.h"

namespace outboard::server {

class HealthTeller {
 public:
  // Both outlive it.
  HealthTeller(Readiness& readiness, grpc::HealthCheckServiceInterface& health);
  ~HealthTeller();
  HealthTeller(const HealthTeller&) = delete;
  HealthTeller& operator=(const HealthTeller&) = delete;

  bool serving() const { return serving_.load(); }

 private:
  void run();
  void tell(const Status& ready);

  Readiness& readiness_;
  grpc::HealthCheckServiceInterface& health_;
  std::atomic<bool> serving_{true};  // as the health service begins
  Mutex mutex_;
  Condition stopped_;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace outboard::server
