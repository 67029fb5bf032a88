// StopSignals: SIGINT and SIGTERM as a wish to stop, while it lives.
//
// Made before a command starts threads, so that none of them is interrupted. Its thread,
// `stop-signals`, waits for them; the second signal ends the process as it would have without this.
#pragma once

#include <signal.h>

#include <memory>
#include <thread>

#include "cli/local_files.h"
#include "core/cancellation.h"

namespace outboard::cli {

class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  const std::shared_ptr<Cancellation>& stop() const { return stop_; }

 private:
  void wait();

  const std::shared_ptr<Cancellation> stop_ = std::make_shared<Cancellation>();
  sigset_t before_{};
  Descriptor signals_;
  Descriptor end_;
  std::thread thread_;
};

}  // namespace outboard::cli
