// Tool: something a model may call, and the five questions a runner asks about a call.
//
// Runner → Tool → Store (files of volumes) | Exec (commands and files of the sandbox). The order is
// place, plan, [the dispatch is journalled], act; after a takeover look, then act or resume. Only
// act() and resume() may change anything anywhere.
//
// Errors of plan and act: `fenced`: stop at once. unavailable and timed_out: it could not be done
// or its outcome is not known, look(). Any other is told to the model as the call's result. Any
// thread; one call at a time for each site.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "harness/sandboxes/exec.h"
#include "harness/session/state.h"
#include "harness/session/step.h"

namespace outboard::harness {

struct ToolSpec {
  std::string name;
  std::string description;
  std::string input_schema;  // JSON schema
};

// Where a call will act and whether twice would be safe.
struct Placed {
  Effect effect = Effect::command;
  bool sandbox = false;  // it needs one
};

// One call and its surroundings.
struct CallSite {
  SessionId session;
  OpId op;
  std::uint64_t turn = 0;
  Epoch epoch;
  Generation generation;  // of the sandbox behind `exec`
  std::string author;     // whose rights it has
  std::string input;      // JSON as the model wrote it
  Exec* exec = nullptr;   // REQUIRES set for plan, act, resume when Placed::sandbox; else unset
  const Seen* seen = nullptr;  // what bash must be able to see
  std::stop_token interrupt;   // a person says stop: kill what runs, keep what it printed
  std::stop_token leave;       // the worker goes: come back soon with timed_out, kill nothing
  Moment deadline = Moment::max();
};

// What it is going to do. Writes say what they find and what they make.
struct Plan {
  std::optional<Sha256> before;  // unset: there is no file
  std::optional<Sha256> after;   // unset: not a write
  std::string content;           // of the file after it
  std::size_t same = 0;          // bytes at the front that stay as they are
  Inode inode;                   // of a volume's file; 0: a new one
  Version version;
  std::string done;  // its result when it has happened
};

struct ToolResult {
  bool is_error = false;
  std::string text;                   // as the model sees it
  std::optional<std::string> output;  // the whole, when the text is cut
  Seen seen;                          // volumes it looked at or changed
};

class Tool {
 public:
  virtual ~Tool() = default;
  virtual const ToolSpec& spec() const = 0;
  // From the input alone. An error is told to the model.
  virtual Result<Placed> place(std::string_view input) const = 0;
  virtual Result<Plan> plan(const CallSite& site) = 0;
  // Output of commands goes to `live` as it comes; false from it: come back with timed_out.
  virtual Result<ToolResult> act(const CallSite& site, const Plan& plan,
                                 const OutputSink& live) = 0;
  // What became of a dispatched call. `site.exec` unset although it needs one: the sandbox is lost.
  virtual Result<Sighting> look(const CallSite& site, const CallDispatched& dispatch) = 0;
  // Goes on with a command that the sandbox knows. `printed`: its output up to `offset`.
  virtual Result<ToolResult> resume(const CallSite& site, std::uint64_t offset, std::string printed,
                                    const OutputSink& live) = 0;
};

// The tools of one session.
class Toolbox {
 public:
  explicit Toolbox(std::vector<std::unique_ptr<Tool>> tools) : tools_(std::move(tools)) {}
  // Nothing: there is none of that name.
  Tool* find(std::string_view name) const;
  // As models are told: a JSON array, in order.
  std::string specifications() const;
  std::string names() const;

 private:
  std::vector<std::unique_ptr<Tool>> tools_;
};

// At most `chars_max` characters (bytes) of `text`, head and tail kept, with a line in between that
// says how much is missing. Valid UTF-8.
std::string head_and_tail(std::string_view text, std::size_t chars_max);

}  // namespace outboard::harness
