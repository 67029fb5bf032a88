#include "harness/session/state.h"

#include <algorithm>

namespace outboard::harness {
namespace {

AssistantItem* newest_answer(State& state) {
  if (state.items.empty()) return nullptr;
  return std::get_if<AssistantItem>(&state.items.back());
}

bool all_terminal(const AssistantItem& answer) {
  return std::all_of(answer.calls.begin(), answer.calls.end(),
                     [](const CallState& call) { return call.terminal(); });
}

// Applies one event; the overloads say what each kind means.
struct Folder {
  State& state;

  void fail(std::string why) {
    state.life = Life::failed;
    state.diagnosis = "event " + std::to_string(state.events) + ": " + std::move(why);
  }

  // The open call of that id; nothing when it is terminal already, failed when there is none.
  CallState* open_call(OpId op) {
    AssistantItem* answer = newest_answer(state);
    if (answer != nullptr) {
      for (CallState& call : answer->calls) {
        if (call.intent.op == op) return call.terminal() ? nullptr : &call;
      }
    }
    if (state.find(op) == nullptr) fail("it names the call " + to_string(op) + ", never intended");
    return nullptr;
  }

  void end_call(OpId op, CallStage stage, bool is_error, const Body& result) {
    CallState* call = open_call(op);
    if (call == nullptr) return;
    call->stage = stage;
    call->is_error = is_error;
    call->result = result;
    state.crashes = 0;  // progress: what crashes next is something else
  }

  void operator()(const SessionStarted& e) {
    if (state.life != Life::unstarted) return fail("a session that had started started again");
    state.life = Life::running;
    state.settings = e;
  }
  void operator()(const Claimed& e) {
    if (state.held && !state.at_rest()) ++state.crashes;
    state.epoch = e.epoch;
    state.held = true;
  }
  void operator()(const HandedOver&) { state.held = false; }
  void operator()(const SandboxIntended& e) {
    state.generation = std::max(state.generation, e.generation);
  }
  void operator()(const UserMessage& e) {
    const AssistantItem* answer = newest_answer(state);
    if (answer != nullptr && !all_terminal(*answer)) return fail("a message between open calls");
    state.items.emplace_back(UserItem{e.author, e.text});
    state.interrupted = false;
    state.crashes = 0;
    state.failures = 0;
    state.retry_unix_ms = 0;
    state.asked.reset();  // its answer would not know of this message
  }
  void operator()(const Interrupted&) {
    state.interrupted = true;
    state.asked.reset();
  }
  void operator()(const InboxRefused&) {}
  void operator()(const SessionFailed& e) {
    state.life = Life::failed;
    state.diagnosis = e.diagnosis;
  }
  void operator()(const SessionFinished&) { state.life = Life::finished; }

  void operator()(const ModelAsked& e) {
    if (e.turn != state.turn) state.crashes = 0;
    state.turn = e.turn;
    state.asked = e;
  }
  void operator()(const ModelAnswered& e) {
    if (!state.asked || state.asked->turn != e.turn) return fail("an answer that nobody asked for");
    state.asked.reset();
    state.failures = 0;
    state.retry_unix_ms = 0;
    state.crashes = 0;
    state.spent += e.usage;
    state.items.emplace_back(AssistantItem{e.turn, e.text, e.stop, {}});
  }
  void operator()(const ModelFailed& e) {
    state.asked.reset();
    ++state.failures;
    state.retry_unix_ms = e.retry_unix_ms;
    if (e.retry_unix_ms == 0) state.model_error = e.code + ": " + e.message;
  }

  void operator()(const CallIntended& e) {
    AssistantItem* answer = newest_answer(state);
    if (answer == nullptr || answer->turn != e.turn || answer->calls.size() != e.index) {
      return fail("a call that belongs to no answer, or out of order");
    }
    CallState call;
    call.intent = e;
    call.stage = e.needs_approval ? CallStage::awaiting_approval : CallStage::intended;
    answer->calls.push_back(std::move(call));
  }
  void operator()(const CallApproved& e) {
    CallState* call = open_call(e.op);
    if (call != nullptr && call->stage == CallStage::awaiting_approval) {
      call->stage = CallStage::approved;
    }
  }
  void operator()(const CallDenied& e) {
    end_call(e.op, CallStage::denied, true, Body::of(e.message));
  }
  void operator()(const CallDispatched& e) {
    CallState* call = open_call(e.op);
    if (call == nullptr) return;
    if (!call->dispatch || call->dispatch->generation != e.generation) {
      call->offset = 0;  // another sandbox, another run
      call->parts.clear();
    }
    call->stage = CallStage::dispatched;
    call->dispatch = e;
  }
  void operator()(const CallProgress& e) {
    CallState* call = open_call(e.op);
    if (call == nullptr || e.offset <= call->offset) return;
    call->offset = e.offset;
    call->parts.push_back(e.part);
  }
  void operator()(const CallFinished& e) {
    CallState* call = open_call(e.op);
    if (call == nullptr) return;
    call->output = e.output;
    for (const auto& [volume, seq] : e.seen) {
      auto& known = state.seen[volume];
      known = std::max(known, seq);
    }
    end_call(e.op, CallStage::finished, e.is_error, e.result);
  }
  void operator()(const CallLost& e) { end_call(e.op, CallStage::lost, true, e.result); }
};

}  // namespace

const AssistantItem* State::last_answer() const {
  return items.empty() ? nullptr : std::get_if<AssistantItem>(&items.back());
}

const CallState* State::find(OpId op) const {
  for (auto item = items.rbegin(); item != items.rend(); ++item) {
    const auto* answer = std::get_if<AssistantItem>(&*item);
    if (answer == nullptr) continue;
    for (const CallState& call : answer->calls) {
      if (call.intent.op == op) return &call;
    }
  }
  return nullptr;
}

bool State::at_rest() const {
  if (life == Life::finished || life == Life::failed) return true;
  if (life == Life::unstarted || asked) return false;
  if (items.empty()) return true;
  const AssistantItem* answer = last_answer();
  if (answer == nullptr) return interrupted;
  bool awaiting = false;
  for (const CallState& call : answer->calls) {
    if (!call.terminal() && call.stage != CallStage::awaiting_approval) return false;
    awaiting = awaiting || call.stage == CallStage::awaiting_approval;
  }
  return awaiting || interrupted || answer->calls.empty();
}

std::string State::author() const {
  for (auto item = items.rbegin(); item != items.rend(); ++item) {
    if (const auto* said = std::get_if<UserItem>(&*item)) return said->author;
  }
  return {};
}

State fold(State state, const Event& event) {
  ++state.events;
  std::visit(Folder{state}, event);
  return state;
}

}  // namespace outboard::harness
