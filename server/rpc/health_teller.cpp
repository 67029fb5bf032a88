#include "server/rpc/health_teller.h"

#include <pthread.h>

#include "core/limits.h"
#include "core/log.h"

namespace outboard::server {

HealthTeller::HealthTeller(Readiness& readiness, grpc::HealthCheckServiceInterface& health)
    : readiness_(readiness), health_(health), thread_([this] { run(); }) {
  pthread_setname_np(thread_.native_handle(), "outboard-health");
}

HealthTeller::~HealthTeller() {
  {
    const Lock lock(mutex_);
    stopping_ = true;
  }
  stopped_.notify_all();
  thread_.join();
}

void HealthTeller::run() {
  for (;;) {
    const Moment begun = std::chrono::steady_clock::now();
    tell(readiness_.ready(begun + kReadinessDeadline));
    const Lock lock(mutex_);
    while (!stopping_ && stopped_.wait_until(mutex_, begun + kReadinessInterval)) {
    }
    if (stopping_) return;
  }
}

void HealthTeller::tell(const Status& ready) {
  if (ready.has_value() == serving_) return;
  serving_ = ready.has_value();
  health_.SetServingStatus(serving_);
  if (ready) {
    log(Severity::info, "serving again");
  } else {
    log(Severity::error, "not serving",
        {{"code", std::string(name_of(ready.error().code))}, {"why", ready.error().message}});
  }
}

}  // namespace outboard::server
