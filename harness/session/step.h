// step: from what a session is to what is to be done next. Pure; the runner (loop/runner.h) only
// performs it. Also what to make of a tool call that was in flight when somebody died.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/clock.h"
#include "harness/session/state.h"

namespace outboard::harness {

// ── Commands ─────────────────────────────────────────────────────────────────────────────────────

// Decide the prompt's beginning and append SessionStarted.
struct Begin {
  friend bool operator==(const Begin&, const Begin&) = default;
};
// With `repeats`, it was asked before and the answer was lost: watchers drop partial text.
struct AskModel {
  std::uint64_t turn = 0;
  std::uint32_t attempt = 1;
  bool repeats = false;
  std::int64_t not_before_unix_ms = 0;
  friend bool operator==(const AskModel&, const AskModel&) = default;
};
struct Dispatch {
  OpId op;
  friend bool operator==(const Dispatch&, const Dispatch&) = default;
};
// Look what became of it, then recover().
struct Reattach {
  OpId op;
  friend bool operator==(const Reattach&, const Reattach&) = default;
};
// An interrupt came before it began.
struct Deny {
  OpId op;
  std::string message;
  friend bool operator==(const Deny&, const Deny&) = default;
};
enum class WaitFor : std::uint8_t { message, approval };
struct Wait {
  WaitFor what = WaitFor::message;
  friend bool operator==(const Wait&, const Wait&) = default;
};
struct Finish {
  friend bool operator==(const Finish&, const Finish&) = default;
};
struct Fail {
  std::string code;
  std::string diagnosis;
  friend bool operator==(const Fail&, const Fail&) = default;
};
// It has finished or failed: nothing is to be done ever again.
struct Over {
  friend bool operator==(const Over&, const Over&) = default;
};

using Command = std::variant<Begin, AskModel, Dispatch, Reattach, Deny, Wait, Finish, Fail, Over>;

// REQUIRES: nobody performs anything for this session at the moment.
Command step(const State& state);

// ── What people sent ─────────────────────────────────────────────────────────────────────────────

struct Approval {
  OpId op;
  bool allow = false;
  std::string message;  // for the model, with a denial
  friend bool operator==(const Approval&, const Approval&) = default;
};
struct InterruptRequest {
  friend bool operator==(const InterruptRequest&, const InterruptRequest&) = default;
};

struct InboxItem {
  Uuid client_id;  // made by the sender; the same item once, however often it is sent
  std::string author;
  Timestamp at;
  std::variant<std::string, InterruptRequest, Approval> content;
  friend bool operator==(const InboxItem&, const InboxItem&) = default;
};

// An event and the inbox item that it takes up, if any.
struct Draft {
  Event event;
  Uuid inbox;  // nil: none
};

// Words too long for an event are replaced by `keep`, which may fail.
using KeepBody = std::function<Result<Body>(std::string)>;

// The events for what can be taken up now, in order: interrupts and approvals at any time, messages
// only between answers' last results and the next question.
Result<std::vector<Draft>> take_up(const State& state, const std::vector<InboxItem>& inbox,
                                   const KeepBody& keep);

// Whether an error says nothing about what happened, so that trying again may help.
bool may_pass(const Error& error);

// ── A call in flight when somebody died ──────────────────────────────────────────────────────────

enum class Known : std::uint8_t {
  running,     // the sandbox has it and it runs
  finished,    // the sandbox has its result
  never_seen,  // the same sandbox lives and never heard of it
  lost,        // the sandbox is gone, or its agent saw it die; also: nobody keeps record
};

// What is there where a write was to go.
struct Found {
  std::optional<Sha256> content;  // unset: no file
  friend bool operator==(const Found&, const Found&) = default;
};

struct Sighting {
  Known known = Known::lost;
  std::optional<Found> found;  // of a write, when it could be looked at
  std::string restored;        // of a lost sandbox: as of when its workspace came back; empty: not
  Seen seen;                   // volumes that were looked at for it
};

enum class Recovery : std::uint8_t {
  dispatch,        // for the first time, or again where the op id makes it safe
  reattach,        // at the last stored offset
  take_result,     // it is true and complete
  run_again,       // a pure read
  done,            // the write had happened
  apply,           // the write had not happened
  report_unknown,  // say so to the model, never run it again
};

// DESIGN's table. REQUIRES: call.stage is dispatched.
Recovery recover(const CallState& call, const Sighting& sighting);

// What the model is told of a call that nobody knows about. `printed`: its output so far.
std::string unknown_outcome(const CallState& call, const Sighting& sighting,
                            std::string_view printed);

}  // namespace outboard::harness
