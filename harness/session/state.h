// State: what a session is now, folded from its events. Pure: the same events, the same state.
//
// Journal::replay → fold → State → step (step.h). Nothing about a session is remembered anywhere
// else: a worker that takes over folds the events again and knows all its predecessor knew.
//
// What always holds: events_ are counted without gaps, so `events` is the seq of the last one
// folded; the first terminal stage of a call wins and later ones change nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "harness/session/event.h"

namespace outboard::harness {

enum class CallStage : std::uint8_t {
  intended,
  awaiting_approval,
  approved,
  dispatched,  // may have had effects
  finished,
  denied,
  lost,  // its sandbox is gone and nobody knows
};

struct CallState {
  CallIntended intent;
  CallStage stage = CallStage::intended;
  std::optional<CallDispatched> dispatch;  // the last one
  std::uint64_t offset = 0;                // of its output that is journalled
  std::vector<Body> parts;                 // that output
  bool is_error = false;
  Body result;  // when terminal
  std::optional<Sha256> output;

  bool terminal() const { return stage >= CallStage::finished; }
  friend bool operator==(const CallState&, const CallState&) = default;
};

struct UserItem {
  std::string author;
  Body text;
  friend bool operator==(const UserItem&, const UserItem&) = default;
};

struct AssistantItem {
  std::uint64_t turn = 0;
  Body text;
  StopReason stop = StopReason::end_turn;
  std::vector<CallState> calls;  // by index
  friend bool operator==(const AssistantItem&, const AssistantItem&) = default;
};

using Item = std::variant<UserItem, AssistantItem>;

enum class Life : std::uint8_t { unstarted, running, finished, failed };

struct State {
  Life life = Life::unstarted;
  std::string diagnosis;  // of a failed one
  SessionStarted settings;
  std::vector<Item> items;                 // the conversation, oldest first
  std::uint64_t events = 0;                // the seq of the last one
  std::uint64_t turn = 0;                  // of the last question to the model
  std::optional<ModelAsked> asked;         // the question that has no answer yet
  unsigned failures = 0;                   // of the model on this turn, one after the other
  std::int64_t retry_unix_ms = 0;          // not to be asked before
  std::optional<std::string> model_error;  // that will not pass
  bool interrupted = false;                // until the next message
  Epoch epoch;                             // of the worker that has it, or had it last
  bool held = false;                       // claimed and not handed over
  unsigned crashes = 0;                    // of workers on this turn
  Generation generation;                   // of its sandbox; 0: it never wanted one
  Seen seen;                               // what bash must be able to see
  Usage spent;

  // The last answer of the model when nothing was said after it; else nothing.
  const AssistantItem* last_answer() const;
  const CallState* find(OpId op) const;
  // Whether it waits for a person with nothing left to do.
  bool at_rest() const;
  std::string author() const;  // of the last message
  friend bool operator==(const State&, const State&) = default;
};

// Never fails: an event that cannot follow makes the session failed, with a diagnosis.
State fold(State state, const Event& event);

}  // namespace outboard::harness
