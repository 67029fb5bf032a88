// EpochFence: the highest epoch that ever asked this sandbox for something. Lower ones are shut
// out, also after the agent was started anew. Any thread.
#pragma once

#include <string>

#include "core/guarded.h"
#include "core/ids.h"
#include "core/result.h"

namespace outboard::harness {

class EpochFence {
 public:
  // The epoch is kept in `file`.
  explicit EpochFence(std::string file);

  // fenced: a higher one was here. unavailable: a new highest could not be kept on disk.
  Status pass(Epoch epoch);
  Epoch highest() const;

 private:
  const std::string file_;
  Guarded<Epoch> highest_;
};

}  // namespace outboard::harness
