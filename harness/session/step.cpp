#include "harness/session/step.h"

#include "core/check.h"
#include "harness/session/limits.h"

namespace outboard::harness {
namespace {

constexpr std::string_view kNotRun = "This call was not run: the user interrupted the turn.";

std::optional<Command> next_call(const State& state, const AssistantItem& answer) {
  bool waiting = false;
  for (const CallState& call : answer.calls) {
    const OpId op = call.intent.op;
    switch (call.stage) {
      case CallStage::intended:
      case CallStage::approved:
        if (state.interrupted) return Deny{op, std::string(kNotRun)};
        return Dispatch{op};
      case CallStage::awaiting_approval:
        if (state.interrupted) return Deny{op, std::string(kNotRun)};
        waiting = true;
        break;
      case CallStage::dispatched: return Reattach{op};
      case CallStage::finished:
      case CallStage::denied:
      case CallStage::lost: break;
    }
  }
  if (waiting) return Wait{WaitFor::approval};
  return std::nullopt;
}

Command ask(const State& state) {
  if (state.asked) {
    return AskModel{state.asked->turn, state.asked->attempt + 1, true, 0};
  }
  if (state.failures > 0) {
    return AskModel{state.turn, state.failures + 1, true, state.retry_unix_ms};
  }
  return AskModel{state.turn + 1, 1, false, 0};
}

Recovery recover_write(const CallState& call, const Sighting& sighting) {
  if (sighting.known == Known::finished) return Recovery::take_result;
  if (!sighting.found) return Recovery::report_unknown;
  if (sighting.found->content == call.dispatch->after) return Recovery::done;
  if (sighting.found->content == call.dispatch->before) return Recovery::apply;
  return Recovery::report_unknown;
}

enum class Open : std::uint8_t { none, only_awaiting, running };

Open open_calls(const State& state) {
  Open open = Open::none;
  const AssistantItem* answer = state.last_answer();
  if (answer == nullptr) return open;
  for (const CallState& call : answer->calls) {
    if (call.terminal()) continue;
    if (call.stage != CallStage::awaiting_approval) return Open::running;
    open = Open::only_awaiting;
  }
  return open;
}

Event answer_approval(const State& state, const Approval& approval, const std::string& author) {
  const CallState* call = state.find(approval.op);
  if (call == nullptr || call->stage != CallStage::awaiting_approval) {
    return InboxRefused{
        author, "the call " + to_string(approval.op) + " does not wait for an approval (any more)"};
  }
  if (approval.allow) return CallApproved{approval.op, author};
  std::string why = "The user denied this call";
  why += approval.message.empty() ? "." : ": " + clip(approval.message, kSentenceCharsMax);
  return CallDenied{approval.op, author, std::move(why)};
}

// Who writes instead of answering has answered: none of the waiting calls runs.
void deny_all(State& state, const std::string& author, std::vector<Draft>& drafts) {
  std::vector<OpId> waiting;
  for (const CallState& call : state.last_answer()->calls) {
    if (!call.terminal()) waiting.push_back(call.intent.op);
  }
  for (const OpId& op : waiting) {
    drafts.push_back({CallDenied{op, author, "Not run: the user sent a message instead."}, {}});
    state = fold(std::move(state), drafts.back().event);
  }
}

}  // namespace

Command step(const State& state) {
  switch (state.life) {
    case Life::finished:
    case Life::failed: return Over{};
    case Life::unstarted: return Begin{};
    case Life::running: break;
  }
  if (state.crashes >= kCrashesMax) {
    return Fail{"crashed", std::to_string(state.crashes) + " workers died on turn " +
                               std::to_string(state.turn) +
                               " of this session; it is not tried again. Look into the workers' "
                               "logs, then start a new session"};
  }
  if (state.model_error) return Fail{"model", "the model refused: " + *state.model_error};
  if (const AssistantItem* answer = state.last_answer()) {
    if (auto call = next_call(state, *answer)) return *call;
    if (answer->calls.empty()) {
      if (state.settings.one_shot) return Finish{};
      return Wait{WaitFor::message};
    }
  }
  if (state.interrupted || state.items.empty()) return Wait{WaitFor::message};
  if (state.failures >= kModelAttemptsMax) {
    return Fail{"model", "the model failed " + std::to_string(state.failures) +
                             " times in a row; send the last message again in a new session"};
  }
  return ask(state);
}

Result<std::vector<Draft>> take_up(const State& before, const std::vector<InboxItem>& inbox,
                                   const KeepBody& keep) {
  std::vector<Draft> drafts;
  if (before.life != Life::running) return drafts;
  State state = before;
  for (const InboxItem& item : inbox) {
    if (drafts.size() + kCallsMax >= kAppendEventsMax) break;  // the rest comes next time
    const auto take = [&](Event event) {
      state = fold(std::move(state), event);
      drafts.push_back({std::move(event), item.client_id});
    };
    const std::string author = clip(item.author, kNameCharsMax);
    if (const auto* approval = std::get_if<Approval>(&item.content)) {
      take(answer_approval(state, *approval, author));
    } else if (std::holds_alternative<InterruptRequest>(item.content)) {
      take(Interrupted{author});
    } else if (const Open open = open_calls(state); open != Open::running) {
      auto body = keep(std::get<std::string>(item.content));
      if (!body) return std::move(body).error();
      if (open == Open::only_awaiting) deny_all(state, author, drafts);
      take(UserMessage{author, *body});
    }
  }
  return drafts;
}

bool may_pass(const Error& error) {
  return error.code == Code::unavailable || error.code == Code::timed_out;
}

Recovery recover(const CallState& call, const Sighting& sighting) {
  CHECK(call.stage == CallStage::dispatched && call.dispatch);
  if (call.intent.effect == Effect::write) return recover_write(call, sighting);
  switch (sighting.known) {
    case Known::running: return Recovery::reattach;
    case Known::finished: return Recovery::take_result;
    case Known::never_seen: return Recovery::dispatch;
    case Known::lost: break;
  }
  return call.intent.effect == Effect::read ? Recovery::run_again : Recovery::report_unknown;
}

std::string unknown_outcome(const CallState& call, const Sighting& sighting,
                            std::string_view printed) {
  std::string text;
  if (call.intent.effect == Effect::write) {
    text =
        "The outcome of this write is unknown: what is there now is neither the content it was "
        "based on nor the content it was to make. Look at the file before you go on.";
  } else {
    text =
        "The sandbox was lost while this command was in flight. It may have run fully, partly or "
        "not at all; it was not run again. ";
    text += sighting.restored.empty()
                ? "The workspace is as the lost sandbox left it or, where that is gone too, empty."
                : "The workspace was restored as of " + sighting.restored + ".";
    text += " Check what is there before you repeat it.";
  }
  if (!printed.empty()) text.append("\n\nOutput seen before that:\n").append(printed);
  return text;
}

}  // namespace outboard::harness
