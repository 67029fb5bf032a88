// Performing tool calls: dispatch, and what to make of those that were in flight.
#include <algorithm>

#include "core/log.h"
#include "harness/loop/runner.h"
#include "harness/session/limits.h"

namespace outboard::harness {
Result<CallSite> Runner::site_of(const CallState& call) {
  auto input = bodies_.find(call.intent.input);
  if (!input) return std::move(input).error();
  CallSite site;
  site.session = session_;
  site.op = call.intent.op;
  site.turn = call.intent.turn;
  site.epoch = epoch_;
  site.author = state_.author();
  site.input = *std::move(input);
  site.seen = &state_.seen;
  site.interrupt = interrupt_.with([&](std::stop_source& source) {
    if (state_.interrupted) source.request_stop();
    return source.get_token();
  });
  site.leave = leave_.get_token();
  site.deadline = parts_.clock.now() + kCommandTimeoutMax + kJournalDeadline;
  return site;
}

Status Runner::dispatch(const CallState& call) {
  const OpId op = call.intent.op;
  Tool* tool = parts_.toolbox.find(call.intent.tool);
  if (tool == nullptr) {
    return finish_call(op, true,
                       "There is no tool named " + call.intent.tool +
                           ". The tools are: " + parts_.toolbox.names() + ".");
  }
  auto site = site_of(call);
  if (!site) return std::move(site).error();
  auto placed = tool->place(site->input);
  if (!placed) return finish_call(op, true, placed.error().message);
  if (placed->sandbox) {
    if (auto ready = ensure_sandbox(*site); !ready) {
      if (stopped_ || ready.error().code == Code::fenced) return ready;
      if (may_pass(ready.error()) && ++doubts_ <= kDoubtsMax) return success();  // step again
      doubts_ = 0;
      return finish_call(op, true,
                         "The command was not run, since its sandbox could not be "
                         "started: " +
                             ready.error().message);
    }
  }
  auto plan = tool->plan(*site);
  if (!plan && may_pass(plan.error())) return try_again();
  if (!plan && plan.error().code == Code::fenced) return std::move(plan).error();
  if (!plan) return finish_call(op, true, plan.error().message);
  auto done = bodies_.keep(plan->done);
  if (!done) return std::move(done).error();
  if (auto said =
          append(CallDispatched{op, epoch_, site->generation, plan->before, plan->after, *done});
      !said) {
    return said;
  }
  return settle(call, tool->act(*site, *plan, live_sink(*state_.find(op))));
}

// The result of an act. An outcome that is not known is looked at by the next step.
Status Runner::settle(const CallState& call, Result<ToolResult> result) {
  if (stopped_) return *stopped_;
  if (result) {
    doubts_ = 0;
    return finish_call(call.intent.op, result->is_error, result->text, result->seen,
                       std::move(result->output));
  }
  if (leave_.stop_requested()) return success();
  if (result.error().code == Code::fenced) return std::move(result).error();
  if (!may_pass(result.error())) {
    doubts_ = 0;
    return finish_call(call.intent.op, true, result.error().message);
  }
  return try_again();
}

// Steps again: at once a few times, then after a little sleep.
Status Runner::try_again() {
  if (++doubts_ > kDoubtsMax) {
    doubts_ = 0;
    hold_ = true;
  }
  return success();
}

Status Runner::finish_call(OpId op, bool is_error, const std::string& text, const Seen& seen,
                           std::optional<std::string> output) {
  auto body = bodies_.keep(text);
  if (!body) return std::move(body).error();
  CallFinished event{op, is_error, *body, std::nullopt, seen};
  if (output) {
    auto whole = bodies_.keep_bytes(*output);
    if (!whole) return std::move(whole).error();
    event.output = whole->blob;
  }
  inbox_ = true;  // messages that waited for it
  return append(std::move(event));
}

// ── In flight when somebody died ─────────────────────────────────────────────────────────────────

Status Runner::reattach(const CallState& call) {
  Tool* tool = parts_.toolbox.find(call.intent.tool);
  if (tool == nullptr) return report_unknown(call, Sighting{});
  auto site = site_of(call);
  if (!site) return std::move(site).error();
  auto placed = tool->place(site->input);
  if (!placed) return report_unknown(call, Sighting{});
  if (placed->sandbox) {
    auto there = open_sandbox(*site);
    if (!there && may_pass(there.error())) return try_again();
    if (!there && there.error().code != Code::not_found) return there;
    if (there && site->generation != call.dispatch->generation) site->exec = nullptr;
    if (site->exec == nullptr && placed->effect == Effect::write) {
      // What it was to write can only be looked at in a sandbox with the workspace.
      if (auto ready = ensure_sandbox(*site); !ready) {
        if (!stopped_ && may_pass(ready.error())) return try_again();
        return ready;
      }
    }
  }
  auto sighting = tool->look(*site, *call.dispatch);
  if (!sighting && may_pass(sighting.error())) return try_again();
  if (!sighting) return std::move(sighting).error();
  return recovered(call, *site, *tool, *sighting);
}

Status Runner::recovered(const CallState& call, CallSite& site, Tool& tool,
                         const Sighting& sighting) {
  switch (recover(call, sighting)) {
    case Recovery::dispatch:
    case Recovery::run_again:
    case Recovery::apply:
      if (state_.interrupted) {
        return append(CallDenied{call.intent.op, "",
                                 "This call was not run: the user interrupted the turn."});
      }
      return dispatch(call);
    case Recovery::reattach:
    case Recovery::take_result: return resume(call, site, tool);
    case Recovery::done: {
      auto text = bodies_.find(call.dispatch->done);
      if (!text) return std::move(text).error();
      return finish_call(call.intent.op, false, *text, sighting.seen);
    }
    case Recovery::report_unknown: return report_unknown(call, sighting);
  }
  CHECK(false);
}

Result<std::string> Runner::printed_so_far(const CallState& call) {
  std::string printed;
  for (const Body& part : call.parts) {
    auto bytes = bodies_.find(part);
    if (!bytes) return std::move(bytes).error();
    printed += *bytes;
  }
  return printed;
}

Status Runner::resume(const CallState& call, const CallSite& site, Tool& tool) {
  auto printed = printed_so_far(call);
  if (!printed) return std::move(printed).error();
  return settle(call, tool.resume(site, call.offset, *std::move(printed), live_sink(call)));
}

Status Runner::report_unknown(const CallState& call, const Sighting& sighting) {
  auto printed = printed_so_far(call);
  if (!printed) return std::move(printed).error();
  auto body =
      bodies_.keep(unknown_outcome(call, sighting, head_and_tail(*printed, kResultCharsMax)));
  if (!body) return std::move(body).error();
  inbox_ = true;
  return append(CallLost{call.intent.op, *body});
}

// ── The sandbox ──────────────────────────────────────────────────────────────────────────────────

Status Runner::use(std::shared_ptr<Sandbox> sandbox, CallSite& site) {
  if (sandbox_ != sandbox) thawed_ = false;
  sandbox_ = std::move(sandbox);
  site.exec = &sandbox_->exec();
  site.generation = sandbox_->generation();
  if (thawed_) return success();
  SeqMap barrier;
  for (const auto& [volume, seq] : state_.seen) barrier[volume] = Seq{seq};
  thaw_began_ = parts_.clock.now();
  auto thawed = sandbox_->exec().thaw(epoch_, barrier, soon());
  if (!thawed) return std::move(thawed).error();
  thawed_ = true;
  return success();
}

Status Runner::open_sandbox(CallSite& site) {
  if (sandbox_ && sandbox_->lost()) sandbox_.reset();
  auto there = parts_.sandboxes.open(session_, soon());
  if (!there) return std::move(there).error();
  if ((*there)->lost()) return Error{Code::not_found, "the session's sandbox is lost"};
  return use(*std::move(there), site);
}

// The generation is journalled before the sandbox is made: no two ever have the same. Its token
// fences the sandbox before it, so it is minted only when the journal knows that we hold the
// session.
Status Runner::ensure_sandbox(CallSite& site) {
  auto there = open_sandbox(site);
  if (there || there.error().code != Code::not_found) return there;
  const Generation generation{state_.generation.value + 1};
  if (auto said = append(SandboxIntended{generation}); !said) {
    stopped_ = said.error();
    return said;
  }
  auto spec = parts_.sandbox_spec(state_, generation);
  if (!spec) return std::move(spec).error();
  spec->session = session_;
  spec->generation = generation;
  auto made = parts_.sandboxes.create(*spec, soon());
  if (!made && made.error().code == Code::exists) return open_sandbox(site);
  if (!made) return std::move(made).error();
  return use(*std::move(made), site);
}

void Runner::freeze() {
  if (!sandbox_ || !thawed_) return;
  if (sandbox_->lost()) {  // nobody would answer
    sandbox_.reset();
    return;
  }
  const auto frozen = sandbox_->exec().freeze(epoch_, soon());
  thawed_ = !frozen || frozen->deferred;  // deferred: a background process; it stays awake
}

void Runner::log_first_output() {
  if (!thaw_began_) return;
  const std::chrono::duration<double, std::milli> took = parts_.clock.now() - *thaw_began_;
  thaw_began_.reset();
  log(Severity::info, "first output after a thaw",
      {{"session", to_string(session_)}, {"ms", std::to_string(took.count())}});
}

OutputSink Runner::live_sink(const CallState& call) {
  struct Progress {
    std::uint64_t journalled;
    std::size_t parts;
    std::string bytes;
  };
  const auto progress = std::make_shared<Progress>(Progress{call.offset, call.parts.size(), {}});
  const OpId op = call.intent.op;
  return [this, progress, op](std::uint64_t offset, std::string_view bytes) {
    parts_.watcher.on_output(session_, op, offset, bytes);
    log_first_output();
    if (offset != progress->journalled + progress->bytes.size()) {
      progress->parts = kProgressPartsMax;  // a gap: the rest is only in the sandbox's own log
    }
    if (progress->parts >= kProgressPartsMax) return true;
    progress->bytes.append(bytes);
    if (progress->bytes.size() < kProgressBytes) return true;
    auto body = bodies_.keep_bytes(progress->bytes);
    if (!body) return true;  // the log of the sandbox still has it
    progress->journalled += progress->bytes.size();
    progress->bytes.clear();
    ++progress->parts;
    auto said = append(CallProgress{op, progress->journalled, *body});
    if (!said) stopped_ = said.error();
    return said.has_value();
  };
}

}  // namespace outboard::harness
