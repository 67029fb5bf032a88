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

#include "bench/store/site.h"

namespace outboard::bench {

inline constexpr std::size_t kPayloadBytes = 1'024;

struct Load {
  double per_second = 0;
  double p50_ms = 0;  // the median of the processes'
  double p99_ms = 0;
};

class Writers {
 public:
  Writers(const Site& site, VolumeId volume, std::size_t processes, std::size_t clients_each);
  ~Writers();
  Writers(const Writers&) = delete;
  Writers& operator=(const Writers&) = delete;

  Load write_for(std::chrono::milliseconds time);

 private:
  struct Process {
    pid_t pid = -1;
    int to = -1;
    int from = -1;
  };
  std::vector<Process> processes_;
};

// The life of one such process: `arguments` as Writers gives them. Its exit code.
int write_as_told(const std::vector<std::string>& arguments);

}  // namespace outboard::bench
