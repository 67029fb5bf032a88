// Trees: what a mount waits for when it starts: all names of a volume, and the small bodies with
// them.
#pragma once

#include <memory>

#include "bench/site.h"

namespace outboard::bench {

class Trees {
 public:
  // A volume of `nodes` small files in directories of 100, and one with `bodies_bytes` of bodies.
  Trees(Site& site, std::size_t nodes, std::uint64_t bodies_bytes);

  // Rewrites one file of the first: the server has to read the volume again.
  void change();
  // Milliseconds until the client has all names.
  double names_ms();
  // Megabytes a second of bodies, until the client has all.
  double bodies_mb_per_second();

 private:
  std::unique_ptr<client::GrpcStore> store_;
  VolumeId names_, bodies_;
  const std::size_t nodes_;
  const std::uint64_t bodies_bytes_;
};

}  // namespace outboard::bench
