// Push: carries a plan out, in as few batches as the limits allow; each happens whole or not at
// all.
//
// A change is based on the version that was compared with: what somebody wrote in between is not
// overwritten blindly but goes by the volume's policy. [S4]
#pragma once

#include <functional>

#include "cli/context.h"
#include "cli/push_plan.h"
#include "core/store.h"

namespace outboard::cli {

struct Pushed {
  Seq seq;  // of the last change; 0: nothing changed
  std::size_t batches = 0;
  std::vector<std::string> warnings;    // rules of the volume's that were broken, in words
  std::vector<std::string> overridden;  // paths that somebody else had changed in between
};

// `advance(steps, bytes)` is called after each batch.
Result<Pushed> push(Context& context, Store& store, VolumeId volume, const PushPlan& plan,
                    const std::function<void(std::uint64_t, std::uint64_t)>& advance);

}  // namespace outboard::cli
