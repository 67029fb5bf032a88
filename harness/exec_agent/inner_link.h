// InnerLink: the agent's end of the control socket to the inner layer's init.
//
// Child, Shell, Files, SignalFreezer → InnerLink → outboard-inner. Everything that happens in the
// inner layer begins with open(). Any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "harness/exec_agent/descriptor.h"
#include "harness/exec_agent/inner_words.h"

namespace outboard::harness {

// One message of a conversation, its descriptors owned.
struct InnerAnswer {
  InnerMessage message;
  std::vector<Descriptor> fds;
};

// The next message; nothing when the other end is gone, said nonsense or said nothing in time.
std::optional<InnerAnswer> next_answer(int conversation, Moment deadline);

class InnerLink {
 public:
  // Takes over `control`, the connected socket.
  explicit InnerLink(Descriptor control);

  // A new conversation of that kind. unavailable: the inner layer is gone.
  Result<Descriptor> open(InnerKind kind, const std::vector<std::string>& words, int output = -1);
  // Waits for init to say that it is there.
  Status wait_ready(Moment deadline);
  // Readable when init has gone.
  int fd() const { return control_.get(); }

 private:
  const Descriptor control_;
};

Error inner_gone();

}  // namespace outboard::harness
