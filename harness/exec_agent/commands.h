// Commands: all commands that this sandbox has ever seen, and the rule that each starts once.
//
// Agent → Commands → Child (one for each that runs) and CallLog (one for each that is kept).
// Any thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/guarded.h"
#include "harness/exec_agent/call_log.h"
#include "harness/exec_agent/child.h"
#include "harness/exec_agent/event_loop.h"
#include "harness/exec_agent/freeze_gate.h"
#include "harness/exec_agent/inner_link.h"
#include "harness/exec_agent/shell.h"

namespace outboard::harness {

struct CommandRequest {
  OpId op;
  Epoch epoch;
  std::vector<std::string> arguments;    // with `shell` one: the text
  std::string directory;                 // empty: the workspace
  std::vector<std::string> environment;  // "NAME=value"
  std::chrono::milliseconds timeout{0};
  std::uint64_t output_bytes_max = 0;
  bool shell = false;
};

struct CommandStarted {
  bool started = false;  // by this request
  std::shared_ptr<CallLog> log;
};

class Commands {
 public:
  // Reads what an earlier life of the agent left in `log_directory`; what it left unfinished is
  // lost.
  Commands(EventLoop& loop, InnerLink& inner, const Clock& clock, std::string log_directory);

  // Starts it, unless it is known. A program that cannot be started is a command that ended with
  // 127 (not found) or 126, as in a shell. invalid: it asks for what cannot be.
  Result<CommandStarted> start(const CommandRequest& request, FreezeGate::Admission admission);
  // not_found: this sandbox never saw it.
  Result<std::shared_ptr<CallLog>> find(const OpId& op) const;
  // False: it had ended.
  Result<bool> signal(const OpId& op, int number);
  // Newest first, at most kCommandsKeptMax.
  std::vector<CallState> list() const;

 private:
  struct Table {
    std::map<OpId, std::shared_ptr<CallLog>> known;
    std::map<OpId, std::shared_ptr<Child>> running;
    std::vector<OpId> ended;  // oldest first
  };

  Result<std::shared_ptr<CallLog>> enter(const CommandRequest& request, bool& fresh);
  Result<std::shared_ptr<const Descriptor>> launch(const CommandRequest& request, int output);
  void run(const CommandRequest& request, const std::shared_ptr<CallLog>& log,
           FreezeGate::Admission admission);
  void forget_output_of_oldest();
  void on_ended(const OpId& op, bool shell, std::optional<ShellState> state);
  void end_unstarted(const CommandRequest& request, CallLog& log, const Error& why);

  EventLoop& loop_;
  InnerLink& inner_;
  const Clock& clock_;
  const std::string directory_;
  Shell shell_;
  Mutex entering_;  // held while an intent goes to disk; before table_'s own
  Guarded<Table> table_;
};

// What can be said of a request before anything is done for it.
Status check_command(const CommandRequest& request);

}  // namespace outboard::harness
