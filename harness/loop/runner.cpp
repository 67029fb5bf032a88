#include "harness/loop/runner.h"

#include <algorithm>

#include "core/log.h"
#include "harness/session/limits.h"

namespace outboard::harness {
namespace {

// Attempts to append through a journal that comes and goes.
constexpr unsigned kAppendAttemptsMax = 5;

}  // namespace

Runner::Runner(RunnerParts parts, const SessionInfo& claimed)
    : parts_(std::move(parts)),
      session_(claimed.id),
      epoch_(claimed.epoch),
      bodies_(parts_.blobs, parts_.clock, claimed.id) {}

Moment Runner::soon() const {
  return parts_.clock.now() + kJournalDeadline;
}

Rest Runner::run() {
  over_ = false;
  hold_ = false;
  stopped_.reset();
  if (stale_) {
    if (auto read = replay(); !read) return rest_after(read.error());
    stale_ = false;
  }
  if (!state_.held || state_.epoch != epoch_) {
    if (auto said = append(Claimed{epoch_, clip(parts_.worker, kNameCharsMax)}); !said) {
      return rest_after(said.error());
    }
  }
  while (!over_ && !hold_) {
    if (leave_.stop_requested()) {
      if (auto gone = hand_over(SessionPhase::runnable, 0); !gone) return rest_after(gone.error());
      break;
    }
    if (auto taken = take_inbox(); !taken) return rest_after(taken.error());
    if (auto done = perform(step(state_)); !done) return rest_after(done.error());
    if (stopped_) return rest_after(*stopped_);
  }
  if (hold_) return {RestKind::later, parts_.clock.now() + kSandboxRetry, {}};
  return {RestKind::released, {}, {}};
}

Rest Runner::rest_after(const Error& error) {
  stale_ = true;
  if (error.code == Code::fenced) return {RestKind::fenced, {}, error.message};
  if (may_pass(error)) {
    return {RestKind::later, parts_.clock.now() + kSandboxRetry, error.message};
  }
  log(Severity::error, "session cannot go on",
      {{"session", to_string(session_)},
       {"code", std::string(name_of(error.code))},
       {"message", error.message}});
  return {RestKind::broken, {}, error.message};
}

void Runner::notice() {
  inbox_ = true;
  const auto items = parts_.journal.inbox(session_, soon());
  if (!items) return;  // the next boundary reads it anyway
  const bool stop = std::any_of(items->begin(), items->end(), [](const InboxItem& item) {
    return std::holds_alternative<InterruptRequest>(item.content);
  });
  if (!stop) return;
  auto source = interrupt_.with([](std::stop_source& held) { return held; });
  source.request_stop();
}

void Runner::leave() {
  leave_.request_stop();
}

// ── The journal ──────────────────────────────────────────────────────────────────────────────────

Status Runner::replay() {
  state_ = State{};
  return fold_new_records();
}

Status Runner::fold_new_records() {
  return parts_.journal.replay(
      session_, state_.events,
      [&](const Record& record) {
        state_ = fold(std::move(state_), record.event);
        return true;
      },
      soon());
}

Status Runner::append(Event event) {
  std::vector<Draft> drafts;
  drafts.push_back({std::move(event), {}});
  return append(std::move(drafts));
}

// The events are folded before they are sent, so that nothing is copied; whatever ends in an error
// ends run() too, and the next one reads the journal again. An append whose answer was lost is sent
// again with the head it was meant for: it happens once, and `conflict` says that it had.
Status Runner::append(std::vector<Draft> drafts) {
  Append wanted{session_, epoch_, state_.events, 0, std::move(drafts), {}, {}};
  stale_ = true;
  for (const Draft& draft : wanted.drafts) {
    state_ = fold(std::move(state_), draft.event);
    if (auto row = call_row(state_, draft.event)) wanted.calls.push_back(*std::move(row));
    if (const auto* answer = std::get_if<ModelAnswered>(&draft.event)) wanted.spent = answer->usage;
  }
  wanted.turn = state_.turn;
  const std::uint64_t expected = state_.events;
  for (unsigned attempt = 1;; ++attempt) {
    auto appended = parts_.journal.append(wanted, soon());
    if (!appended && appended.error().code == Code::conflict) {
      if (auto read = replay(); !read) return read;
      if (state_.events != expected) {
        return Error{Code::corrupt, "another wrote to session " + to_string(session_) +
                                        " under this worker's epoch"};
      }
    } else if (!appended) {
      if (may_pass(appended.error()) && attempt < kAppendAttemptsMax) continue;
      return std::move(appended).error();
    }
    stale_ = false;
    return success();
  }
}

Status Runner::take_inbox() {
  if (!inbox_.exchange(false) || state_.life != Life::running) return success();
  auto items = parts_.journal.inbox(session_, soon());
  if (!items) {
    inbox_ = true;
    return std::move(items).error();
  }
  auto drafts =
      take_up(state_, *items, [&](const std::string& words) { return bodies_.keep(words); });
  if (!drafts) return std::move(drafts).error();
  if (drafts->size() < items->size()) inbox_ = true;  // some wait for running calls
  if (drafts->empty()) return success();
  if (auto said = append(*std::move(drafts)); !said) return said;
  if (!state_.interrupted) {
    interrupt_.with([](std::stop_source& source) { source = std::stop_source(); });
  }
  return success();
}

Status Runner::release(SessionPhase phase, std::int64_t wake, const std::string& diagnosis) {
  over_ = true;
  freeze();
  return parts_.journal.release({session_, epoch_, phase, wake, diagnosis}, soon());
}

Status Runner::hand_over(SessionPhase phase, std::int64_t wake) {
  if (!state_.at_rest()) {
    if (auto said = append(HandedOver{epoch_}); !said) return said;
  }
  return release(phase, wake, {});
}

// ── Commands ─────────────────────────────────────────────────────────────────────────────────────

Status Runner::perform(const Command& command) {
  struct Performer {
    Runner& runner;
    Done operator()(const Begin&) { return runner.begin(); }
    Done operator()(const AskModel& c) { return runner.ask(c); }
    // By value: the state it stands in changes with each event.
    Done operator()(const Dispatch& c) { return runner.dispatch(CallState(*find(c.op))); }
    Done operator()(const Reattach& c) { return runner.reattach(CallState(*find(c.op))); }
    Done operator()(const Deny& c) { return runner.append(CallDenied{c.op, "", c.message}); }
    Done operator()(const Wait&) { return runner.release(SessionPhase::waiting, 0, {}); }
    Done operator()(const Finish&) { return runner.append(SessionFinished{}); }
    Done operator()(const Fail& c) {
      return runner.append(SessionFailed{c.code, clip(c.diagnosis, kSentenceCharsMax)});
    }
    Done operator()(const Over&) {
      const State& state = runner.state_;
      const bool failed = state.life == Life::failed;
      return runner.release(failed ? SessionPhase::failed : SessionPhase::finished, 0,
                            state.diagnosis);
    }
    const CallState* find(OpId op) const { return runner.state_.find(op); }
  };
  return std::visit(Performer{*this}, command);
}

Status Runner::begin() {
  auto opening = parts_.opening();
  if (!opening && may_pass(opening.error())) return std::move(opening).error();
  if (!opening) {
    return append(SessionFailed{
        std::string(name_of(opening.error().code)),
        clip("the session could not begin: " + opening.error().message, kSentenceCharsMax)});
  }
  auto system = bodies_.keep(opening->system);
  if (!system) return std::move(system).error();
  auto tools = bodies_.keep(parts_.toolbox.specifications());
  if (!tools) return std::move(tools).error();
  inbox_ = true;  // what was sent before it began
  return append(SessionStarted{clip(opening->agent, kNameCharsMax),
                               clip(opening->model, kNameCharsMax), *system, *tools,
                               opening->approve, opening->one_shot});
}

}  // namespace outboard::harness
