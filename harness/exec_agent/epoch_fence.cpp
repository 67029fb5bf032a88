#include "harness/exec_agent/epoch_fence.h"

#include <cstdlib>

#include "harness/exec_agent/durable_file.h"

namespace outboard::harness {
namespace {

Epoch stored_epoch(const std::string& file) {
  const auto text = read_small_file(file);
  return text ? Epoch{std::strtoull(text->c_str(), nullptr, 10)} : Epoch{};
}

}  // namespace

EpochFence::EpochFence(std::string file) : file_(std::move(file)), highest_(stored_epoch(file_)) {}

Status EpochFence::pass(Epoch epoch) {
  return highest_.with([&](Epoch& highest) -> Status {
    if (epoch < highest) {
      return Error{Code::fenced,
                   "epoch " + to_string(epoch) + " is over, epoch " + to_string(highest) +
                       " has taken over the session; stop at once",
                   {}};
    }
    if (epoch == highest) return success();
    // On disk before it counts: a restart must not let an older one in again. The lock is held for
    // it, so that two epochs are kept in their order; this is once in a takeover.
    if (auto kept = replace_durable(file_, to_string(epoch)); !kept) return kept;
    highest = epoch;
    return success();
  });
}

Epoch EpochFence::highest() const {
  return highest_.with([](const Epoch& highest) { return highest; });
}

}  // namespace outboard::harness
