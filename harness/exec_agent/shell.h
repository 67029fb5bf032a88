// Shell: the long-lived bash of an author. Its directory and exported variables persist from
// command to command, also when a command killed the shell (a timeout, `exit`): the next one gets a
// new shell that stands where the last finished command left it.
//
// Commands → Shell → host_shell in the inner layer. One command at a time. Any thread.
#pragma once

#include <memory>
#include <string>

#include "core/clock.h"
#include "core/guarded.h"
#include "harness/exec_agent/child.h"
#include "harness/exec_agent/inner_link.h"

namespace outboard::harness {

class Shell {
 public:
  explicit Shell(InnerLink& inner) : inner_(inner) {}

  // Takes the shell for one command. conflict: it runs another one.
  Status take();
  // Gives `text` to the shell, started or started anew where it must be; its output goes to
  // `output`. Answers the conversation that will say how it ended.  REQUIRES: taken.
  Result<std::shared_ptr<const Descriptor>> run(const std::string& text, int output,
                                                Moment deadline);
  // Gives the shell back unused.  REQUIRES: taken.
  void leave() {
    taken_.with([](bool& taken) { taken = false; });
  }
  // The command has ended; without a state the shell has, too.  REQUIRES: taken.
  void give_back(std::optional<ShellState> state);

 private:
  bool alive() const;
  Status start(Moment deadline);

  InnerLink& inner_;
  Guarded<bool> taken_{false};
  // Whoever has taken the shell owns these.
  std::shared_ptr<const Descriptor> conversation_;
  ShellState state_;
};

}  // namespace outboard::harness
