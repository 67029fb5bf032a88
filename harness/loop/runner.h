// Runner: performs what step() commands for one claimed session, until it rests.
//
// Worker → Runner → Journal, Model, Toolbox, Sandboxes. Log first, act second: before anything that
// may have an effect the journal knows of it, so that at every moment the process may be killed and
// another runner, with the events alone, carries on without a call lost, doubled or orphaned.
//
// What always holds: between commands state_ is the fold of exactly the events that the journal
// has, or stale_ is set; the destructor does nothing. run() on one thread; notice() and leave()
// from any.
//
// Lock order: none; interrupt_ is never held while calling out.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/guarded.h"
#include "harness/journal/journal.h"
#include "harness/loop/bodies.h"
#include "harness/loop/watcher.h"
#include "harness/models/model.h"
#include "harness/sandboxes/sandbox.h"
#include "harness/session/prompt.h"
#include "harness/tools/tool.h"

namespace outboard::harness {

// How a session begins: the words of its system prompt and its settings.
struct Opening {
  std::string agent;
  std::string model;
  std::string system;
  std::vector<std::string> approve;
  bool one_shot = false;
};

struct RunnerParts {
  Journal& journal;
  Blobs& blobs;
  Model& model;
  Toolbox& toolbox;
  Sandboxes& sandboxes;
  Watcher& watcher;
  const Clock& clock;
  std::string worker;
  std::function<Result<Opening>()> opening;
  // Mints the token of a sandbox of that generation.
  std::function<Result<SandboxSpec>(const State&, Generation)> sandbox_spec;
};

enum class RestKind : std::uint8_t {
  released,  // waiting, finished, failed or handed over: it is nobody's now
  later,     // still this worker's; run it again at `at`
  fenced,    // somebody else's
  broken,    // the journal cannot be reached or made sense of; it was not released
};

struct Rest {
  RestKind kind = RestKind::released;
  Moment at{};
  std::string why;
};

class Runner {
 public:
  Runner(RunnerParts parts, const SessionInfo& claimed);
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  Rest run();
  // There is something in the inbox; an interrupt stops what runs at once.
  void notice();
  // Hand over at the next boundary; running commands go on without us.
  void leave();

 private:
  // Done, or an Error that ends run(): see rest_after().
  using Done = Status;

  Done replay();
  Done append(std::vector<Draft> drafts);
  Done append(Event event);
  Done fold_new_records();
  Done take_inbox();
  Done perform(const Command& command);
  Done begin();
  Done ask(const AskModel& ask);
  Done answered(std::uint64_t turn, const Answer& answer);
  Done model_failed(std::uint64_t turn, const Error& error);
  Done dispatch(const CallState& call);
  Done reattach(const CallState& call);
  Done recovered(const CallState& call, CallSite& site, Tool& tool, const Sighting& sighting);
  Done resume(const CallState& call, const CallSite& site, Tool& tool);
  Done report_unknown(const CallState& call, const Sighting& sighting);
  Done settle(const CallState& call, Result<ToolResult> result);
  Done try_again();
  Done finish_call(OpId op, bool is_error, const std::string& text, const Seen& seen = {},
                   std::optional<std::string> output = std::nullopt);
  Done release(SessionPhase phase, std::int64_t wake_unix_ms, const std::string& diagnosis);
  Done hand_over(SessionPhase phase, std::int64_t wake_unix_ms);

  Result<CallSite> site_of(const CallState& call);
  Result<std::string> printed_so_far(const CallState& call);
  // Sets exec and generation of the session's sandbox; made when there is none.
  Done ensure_sandbox(CallSite& site);
  // Only when it is there; not_found when it is lost.
  Done open_sandbox(CallSite& site);
  Done use(std::shared_ptr<Sandbox> sandbox, CallSite& site);
  void freeze();
  // How long the thaw before it took, to the first byte: once after each thaw.
  void log_first_output();
  OutputSink live_sink(const CallState& call);
  Rest rest_after(const Error& error);
  Moment soon() const;

  const RunnerParts parts_;
  const SessionId session_;
  const Epoch epoch_;
  Bodies bodies_;
  State state_;
  std::shared_ptr<Sandbox> sandbox_;  // as opened last
  bool thawed_ = false;
  std::optional<Moment> thaw_began_;  // no output came since
  bool stale_ = true;                 // state_ may lack what the journal has
  bool over_ = false;                 // released: run() ends
  bool hold_ = false;                 // run() ends, the session stays this worker's
  unsigned doubts_ = 0;               // acts whose outcome was not known, in a row
  std::optional<Error> stopped_;      // by an append within an act
  std::atomic<bool> inbox_{true};     // may have something
  std::stop_source leave_;
  Guarded<std::stop_source> interrupt_;
};

}  // namespace outboard::harness
