#include "harness/journal/journal.h"

namespace outboard::harness {

std::string_view name_of(SessionPhase phase) {
  switch (phase) {
    case SessionPhase::runnable: return "runnable";
    case SessionPhase::running: return "running";
    case SessionPhase::waiting: return "waiting";
    case SessionPhase::finished: return "finished";
    case SessionPhase::failed: return "failed";
  }
  CHECK(false);
}

std::optional<CallRow> call_row(const State& after, const Event& event) {
  const CallState* call = std::visit(
      [&](const auto& e) -> const CallState* {
        if constexpr (requires { e.op; }) {
          return after.find(e.op);
        } else {
          return nullptr;
        }
      },
      event);
  if (call == nullptr) return std::nullopt;
  CallRow row{call->intent, call->stage, {}, {}, call->offset, call->output};
  if (call->dispatch) {
    row.epoch = call->dispatch->epoch;
    row.generation = call->dispatch->generation;
  }
  return row;
}

}  // namespace outboard::harness
