// Push: carries a plan out, in as few batches as the limits allow; each happens whole or not at
// all.
//
// A change is based on the version that was compared with: what somebody wrote in between is not
// overwritten blindly but goes by the volume's policy [S4] or, when the push is guarded, is
// refused. A file over kPushPieceBytes is sent in pieces to a hidden name beside it that is named
// for its digest, then renamed: it appears whole, and a push that was interrupted goes on with it.
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

struct PushWatch {
  // After each batch, and each piece of a large file.
  std::function<void(std::uint64_t steps, std::uint64_t bytes)> advance;
  // What stands at a step's path now; nothing when it was removed.
  std::function<void(const PushStep&, const Node*)> done{};
};

// With `guarded`, a step happens only to what was compared with: conflict otherwise.
Result<Pushed> push(Context& context, Store& store, VolumeId volume, const PushPlan& plan,
                    const PushWatch& watch, bool guarded = false);

}  // namespace outboard::cli
