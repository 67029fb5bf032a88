#include "harness/tools/bash.h"

#include <algorithm>
#include <csignal>

#include "harness/session/limits.h"
#include "harness/tools/tool_input.h"

namespace outboard::harness {
namespace {

constexpr const char* kDescription =
    "Run a command in this session's shell. The working directory and the environment persist "
    "between calls. /skills and /memory are mounted there; what other tools wrote is visible at "
    "once. Output beyond 30,000 characters is cut in the middle.";

constexpr const char* kSchema = R"({"type": "object", "properties": {
  "command": {"type": "string", "description": "The command to run"},
  "timeout_ms": {"type": "integer",
                 "description": "Kill it after this long; default 120000, at most 600000"}},
  "required": ["command"]})";

// An attach is asked for anew this often, so that a worker that goes need not wait for a word.
constexpr std::chrono::milliseconds kAttachSlice{2'000};
// For a command to be reported as ended after its own time is up.
constexpr std::chrono::milliseconds kSignalDeadline{10'000};

struct Wanted {
  std::string command;
  std::chrono::milliseconds timeout = kCommandTimeoutDefault;
};

Result<Wanted> read_input(std::string_view text) {
  auto input = ToolInput::parse(text);
  if (!input) return std::move(input).error();
  for (const char* option : {"restart", "run_in_background"}) {
    auto set = input->flag(option);
    if (!set) return std::move(set).error();
    if (*set) {
      return Error{Code::unsupported, "`" + std::string(option) +
                                          "` is not supported here. Run the command in the "
                                          "foreground, with a longer timeout_ms if need be."};
    }
  }
  auto command = input->text("command");
  if (!command) return std::move(command).error();
  Wanted wanted{*std::move(command), kCommandTimeoutDefault};
  if (input->has("timeout_ms")) {
    auto timeout = input->number("timeout_ms");
    if (!timeout) return std::move(timeout).error();
    if (*timeout < 1 || *timeout > kCommandTimeoutMax.count()) {
      return Error{Code::invalid, "Parameter `timeout_ms` is " + std::to_string(*timeout) +
                                      "; it must be from 1 to " +
                                      std::to_string(kCommandTimeoutMax.count()) + "."};
    }
    wanted.timeout = std::chrono::milliseconds(*timeout);
  }
  return wanted;
}

std::string ended_text(const ExecState& state, std::string output, bool interrupted) {
  std::string how;
  if (interrupted) {
    how = "The user interrupted this command; it was killed.";
  } else if (state.timed_out) {
    how = "The command was killed when its time was up. Raise timeout_ms (at most " +
          std::to_string(kCommandTimeoutMax.count()) + ") if it needs longer.";
  } else if (state.signal != 0) {
    how = "Killed by signal " + std::to_string(state.signal) + ".";
  } else if (state.exit_code != 0) {
    how = "Exit code " + std::to_string(state.exit_code);
  }
  if (how.empty()) return output;
  return output.empty() ? how : how + "\n" + output;
}

}  // namespace

// The output so far, and where it goes on.
class BashTool::Transcript {
 public:
  Transcript() = default;
  Transcript(std::uint64_t offset, std::string printed)
      : next_(offset), text_(std::move(printed)) {}

  void add(std::uint64_t offset, std::string_view bytes) {
    if (offset < next_) {  // a part that was there already
      const std::uint64_t known = std::min<std::uint64_t>(next_ - offset, bytes.size());
      bytes.remove_prefix(static_cast<std::size_t>(known));
      offset += known;
    }
    if (bytes.empty()) return;
    if (offset > next_) {
      text_ += "\n... [" + std::to_string(offset - next_) + " bytes were not kept] ...\n";
    }
    text_.append(bytes);
    next_ = offset + bytes.size();
  }
  std::uint64_t next() const { return next_; }
  std::string& text() { return text_; }

 private:
  std::uint64_t next_ = 0;
  std::string text_;
};

BashTool::BashTool(const Clock& clock) : spec_{"bash", kDescription, kSchema}, clock_(clock) {}

Result<Placed> BashTool::place(std::string_view input) const {
  auto wanted = read_input(input);
  if (!wanted) return std::move(wanted).error();
  return Placed{Effect::command, true};
}

Result<Plan> BashTool::plan(const CallSite& site) {
  auto wanted = read_input(site.input);
  if (!wanted) return std::move(wanted).error();
  return Plan{};
}

Result<ToolResult> BashTool::act(const CallSite& site, const Plan&, const OutputSink& live) {
  auto wanted = read_input(site.input);
  if (!wanted) return std::move(wanted).error();
  ExecCommand command;
  command.op = site.op;
  command.epoch = site.epoch;
  command.generation = site.generation;
  command.arguments = {wanted->command};
  command.timeout = wanted->timeout;
  command.output_bytes_max = kToolFileBytesMax;
  command.author = site.author;
  command.shell = true;
  if (site.seen != nullptr) {
    for (const auto& [volume, seq] : *site.seen) command.barrier[volume] = Seq{seq};
  }
  auto started = site.exec->start(command, site.deadline);
  if (!started) return std::move(started).error();
  Transcript transcript;
  return follow(site, transcript, live);
}

Result<ToolResult> BashTool::resume(const CallSite& site, std::uint64_t offset, std::string printed,
                                    const OutputSink& live) {
  Transcript transcript(offset, std::move(printed));
  return follow(site, transcript, live);
}

Result<ToolResult> BashTool::follow(const CallSite& site, Transcript& transcript,
                                    const OutputSink& live) {
  const std::stop_callback kill(site.interrupt, [&] {
    // Whether or not it arrives: what became of the command is what attach says.
    const auto sent =
        site.exec->signal(site.op, site.epoch, SIGKILL, clock_.now() + kSignalDeadline);
    static_cast<void>(sent.has_value());
  });
  bool go_on = true;
  const OutputSink take = [&](std::uint64_t offset, std::string_view bytes) {
    transcript.add(offset, bytes);
    go_on = live(offset, bytes) && !site.leave.stop_requested();
    return go_on;
  };
  for (;;) {
    const Moment slice = std::min(site.deadline, clock_.now() + kAttachSlice);
    auto state = site.exec->attach(site.op, transcript.next(), take, slice);
    if (!go_on || site.leave.stop_requested()) {
      return Error{Code::timed_out, "the worker went while the command ran"};
    }
    if (!state && state.error().code != Code::timed_out) return std::move(state).error();
    if (state && state->lost) {
      return Error{Code::unavailable, "the sandbox lost the command"};
    }
    if (state && !state->running) {
      const bool interrupted = site.interrupt.stop_requested() && state->signal != 0;
      std::string whole = std::move(transcript.text());
      ToolResult result;
      result.is_error =
          interrupted || state->timed_out || state->signal != 0 || state->exit_code != 0;
      result.text = ended_text(*state, head_and_tail(whole, kResultCharsMax), interrupted);
      if (whole.size() > kResultCharsMax) result.output = std::move(whole);
      return result;
    }
    if (clock_.now() >= site.deadline) {
      return Error{Code::timed_out, "the deadline passed while the command ran"};
    }
  }
}

Result<Sighting> BashTool::look(const CallSite& site, const CallDispatched& dispatch) {
  Sighting sighting;
  if (site.exec == nullptr || site.generation != dispatch.generation) return sighting;
  auto commands = site.exec->commands(site.deadline);
  if (!commands) return std::move(commands).error();
  sighting.known = Known::never_seen;
  for (const ExecState& state : *commands) {
    if (state.op != site.op) continue;
    sighting.known = state.lost ? Known::lost : state.running ? Known::running : Known::finished;
  }
  return sighting;
}

}  // namespace outboard::harness
