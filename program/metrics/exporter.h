// Exporter: a program's figures where Prometheus reads them: http://ADDRESS/metrics.
//
// Each scrape asks every source anew; nothing is kept in between. What the figures name is up to
// their sources. Two threads of the HTTP library's own.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/counters.h"
#include "core/result.h"

namespace outboard::program {

class Exporter {
 public:
  // `address`: "host:port"; without a host this machine alone can ask. Sources are called from any
  // thread until the destructor returns. unavailable: it cannot listen there.
  static Result<std::unique_ptr<Exporter>> start(
      const std::string& address, std::vector<std::function<void(Figures&)>> sources);
  ~Exporter();
  Exporter(const Exporter&) = delete;
  Exporter& operator=(const Exporter&) = delete;

  // With the real port where 0 was asked for.
  const std::string& address() const;

 private:
  struct Parts;
  explicit Exporter(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace outboard::program
