// Asking the model, and what its answer becomes in the journal.
#include <algorithm>
#include <set>

#include "core/log.h"
#include "harness/loop/runner.h"
#include "harness/session/limits.h"

namespace outboard::harness {
namespace {

std::int64_t unix_ms(Timestamp at) {
  return at.nanoseconds / 1'000'000;
}

// Hands the answer on as it comes; a call that begins wakes the sandbox behind its arguments.
class Streamed final : public AnswerSink {
 public:
  Streamed(Watcher& watcher, SessionId session, std::uint64_t turn,
           std::function<void(std::string_view)> on_call)
      : watcher_(watcher), session_(session), turn_(turn), on_call_(std::move(on_call)) {}
  void on_text(std::string_view delta) override { watcher_.on_text(session_, turn_, delta); }
  void on_call(std::uint32_t, std::string_view tool) override { on_call_(tool); }
  void on_call_input(std::uint32_t, std::string_view) override {}

 private:
  Watcher& watcher_;
  const SessionId session_;
  const std::uint64_t turn_;
  const std::function<void(std::string_view)> on_call_;
};

// The provider's id where it is usable; two calls never share one.
std::string use_id(const AskedCall& call, std::uint64_t turn, std::uint32_t index,
                   std::set<std::string>& used) {
  std::string id = call.id;
  if (id.empty() || id.size() > kNameCharsMax || used.contains(id)) {
    id = "call_" + std::to_string(turn) + "_" + std::to_string(index);
  }
  used.insert(id);
  return id;
}

}  // namespace

Status Runner::ask(const AskModel& ask) {
  if (ask.not_before_unix_ms > unix_ms(parts_.clock.wall())) {
    return hand_over(SessionPhase::waiting, ask.not_before_unix_ms);
  }
  auto prompt = build_prompt(state_, [&](const Body& body) { return bodies_.find(body); });
  if (!prompt) return std::move(prompt).error();
  if (auto good = check_prompt(*prompt); !good) {
    return append(SessionFailed{"invalid", clip(good.error().message, kSentenceCharsMax)});
  }
  freeze();
  const Sha256 digest = digest_of(*prompt);
  if (state_.asked && state_.asked->prompt != digest) {
    log(Severity::warning, "the question asked again is not the same",
        {{"session", to_string(session_)}, {"turn", std::to_string(ask.turn)}});
  }
  if (ask.repeats) parts_.watcher.on_dropped(session_, ask.turn);
  if (auto said = append(ModelAsked{ask.turn, ask.attempt, digest}); !said) return said;

  // One token for both reasons to stop hearing it out.
  std::stop_source stop;
  const auto interrupt = interrupt_.with([](std::stop_source& held) { return held.get_token(); });
  const std::stop_callback on_interrupt(interrupt, [&] { stop.request_stop(); });
  const std::stop_callback on_leave(leave_.get_token(), [&] { stop.request_stop(); });
  Streamed sink(parts_.watcher, session_, ask.turn, [&](std::string_view tool) {
    const auto placed = parts_.toolbox.find(tool);
    if (placed == nullptr || !sandbox_ || thawed_) return;
    thaw_began_ = parts_.clock.now();
    const auto thawed = sandbox_->exec().thaw(epoch_, {}, soon());
    thawed_ = thawed.has_value();
  });
  auto answer =
      parts_.model.ask(*prompt, sink, stop.get_token(), parts_.clock.now() + kModelDeadline);
  if (answer) return answered(ask.turn, *answer);
  if (stop.stop_requested()) {
    inbox_ = true;  // the interrupt is there, or the worker leaves
    return success();
  }
  return model_failed(ask.turn, answer.error());
}

Status Runner::answered(std::uint64_t turn, const Answer& answer) {
  auto text = bodies_.keep(answer.text);
  if (!text) return std::move(text).error();
  std::vector<Draft> drafts;
  const auto say = [&](Event event) { drafts.push_back({std::move(event), {}}); };
  say(ModelAnswered{turn, *text, answer.stop, answer.usage});
  std::set<std::string> used;
  for (std::uint32_t i = 0; i < std::min<std::size_t>(answer.calls.size(), kCallsMax); ++i) {
    const AskedCall& call = answer.calls[i];
    const std::string name = clip(call.tool, kNameCharsMax);
    auto input = bodies_.keep(call.input.empty() ? "{}" : call.input);
    if (!input) return std::move(input).error();
    Tool* tool = parts_.toolbox.find(name);
    const auto placed = tool == nullptr ? Result<Placed>(Placed{})
                                        : tool->place(call.input.empty() ? "{}" : call.input);
    const auto& approve = state_.settings.approve;
    const bool ask_first = std::find(approve.begin(), approve.end(), name) != approve.end();
    say(CallIntended{op_id_of(session_, turn, i), turn, i, use_id(call, turn, i, used), name,
                     placed ? placed->effect : Effect::read, *input, ask_first});
  }
  return append(std::move(drafts));
}

Status Runner::model_failed(std::uint64_t turn, const Error& error) {
  std::int64_t retry = 0;
  if (may_pass(error)) {
    const unsigned doublings = std::min(state_.failures, 10U);
    auto wait =
        std::min<std::chrono::milliseconds>(kModelRetryMin * (1U << doublings), kModelRetryMax);
    wait = std::max(wait, std::chrono::milliseconds(error.retry_after_ms));
    retry = unix_ms(parts_.clock.wall()) + wait.count();
  }
  return append(ModelFailed{turn, std::string(name_of(error.code)),
                            clip(error.message, kSentenceCharsMax), retry});
}

}  // namespace outboard::harness
