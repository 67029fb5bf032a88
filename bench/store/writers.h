// Writers: processes full of clients that write over gRPC, each with a connection, a client id and
// a file of its own, as sandboxes have them.
//
// The driver starts them once and has them write for a while in each round: "go MS" on their
// standard input, "COUNT P50 P99" back. What counts is an answer that came: it comes after COMMIT.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "bench/child.h"
#include "bench/site.h"

namespace outboard::bench {

inline constexpr std::size_t kPayloadBytes = 1'024;

struct Load {
  double per_second = 0;
  double p50_ms = 0;  // the median of the processes'
  double p99_ms = 0;
};

class Writers {
 public:
  // The clients take turns in choosing one of `volumes`.
  Writers(const Site& site, const std::vector<VolumeId>& volumes, std::size_t processes,
          std::size_t clients_each);
  Load write_for(std::chrono::milliseconds time);

 private:
  std::vector<std::unique_ptr<Child>> processes_;
};

// The life of one such process: `arguments` as Writers gives them. Its exit code.
int write_as_told(const std::vector<std::string>& arguments);

}  // namespace outboard::bench
