// Child: one running command, from its start to its end.
//
// Commands and Shell make it; the event loop feeds it: output pipe → CallLog, conversation → how it
// ended, timeout → the end of its process tree. It holds the freeze gate's admission for as long as
// it runs.
//
// begin(): once. signal(): any thread. Everything else happens on the loop's thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/guarded.h"
#include "harness/exec_agent/call_log.h"
#include "harness/exec_agent/descriptor.h"
#include "harness/exec_agent/event_loop.h"
#include "harness/exec_agent/freeze_gate.h"
#include "harness/exec_agent/inner_link.h"

namespace outboard::harness {

// What a shell says with the end of a command: it goes on, and how it stands.
struct ShellState {
  std::string directory;
  std::string exports;  // text that sets its exported variables again
};

struct ChildParts {
  std::shared_ptr<CallLog> log;
  std::shared_ptr<const Descriptor> conversation;
  Descriptor output;  // read end of the pipe
  FreezeGate::Admission admission;
  std::chrono::milliseconds timeout{0};  // 0: none
  // On the loop's thread, just before the end is told; the state when its host goes on.
  std::function<void(std::optional<ShellState>)> ended;
};

// A pipe for output: any user of the inner layer may open its write end anew.
struct OutputPipe {
  Descriptor read;
  Descriptor write;
};
Result<OutputPipe> make_output_pipe();

class Child : public std::enable_shared_from_this<Child> {
 public:
  Child(EventLoop& loop, const Clock& clock, ChildParts parts);

  void begin();
  // To its whole process tree; false: it has ended, or nobody is there to deliver it.
  bool signal(int number);
  const std::shared_ptr<CallLog>& log() const { return parts_.log; }

 private:
  void take_output();
  void take_answer();
  void time_out();
  void complete(CallEnd end, std::optional<ShellState> state);

  EventLoop& loop_;
  const Clock& clock_;
  ChildParts parts_;
  Guarded<bool> over_;
  bool timed_out_ = false;  // loop's thread
};

}  // namespace outboard::harness
