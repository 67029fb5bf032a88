#include "harness/exec_agent/shell.h"

#include <poll.h>

namespace outboard::harness {
namespace {

// In single quotes, whatever is in it.
std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

}  // namespace

Status Shell::take() {
  const bool was_taken = taken_.with([](bool& taken) { return std::exchange(taken, true); });
  if (!was_taken) return success();
  return Error{Code::conflict,
               "the shell is running another command; wait for it, signal it, or start this one "
               "without the shell",
               {}};
}

// The other end is closed when the shell has ended.
bool Shell::alive() const {
  if (!conversation_) return false;
  pollfd state{conversation_->get(), POLLIN, 0};
  return ::poll(&state, 1, 0) == 0;
}

Status Shell::start(Moment deadline) {
  std::string restore = state_.exports;
  if (!state_.directory.empty()) restore += "\ncd -- " + quoted(state_.directory) + "\n";
  auto conversation = inner_.open(InnerKind::shell, {restore});
  if (!conversation) return std::move(conversation).error();
  const auto answer = next_answer(conversation->get(), deadline);
  if (!answer) return inner_gone();
  if (answer->message.value != 0) {
    return Error{Code::unavailable, "bash cannot be started in this sandbox; is it there?", {}};
  }
  conversation_ = std::make_shared<const Descriptor>(*std::move(conversation));
  return success();
}

Result<std::shared_ptr<const Descriptor>> Shell::run(const std::string& text, int output,
                                                     Moment deadline) {
  if (!alive()) {
    if (auto started = start(deadline); !started) return std::move(started).error();
  }
  const Descriptor words(write_text(text));
  if (!words || !send_message(conversation_->get(), {InnerKind::run, 0}, {words.get(), output})) {
    return inner_gone();
  }
  return conversation_;
}

void Shell::give_back(std::optional<ShellState> state) {
  if (state) {
    state_ = *std::move(state);
  } else {
    conversation_.reset();
  }
  leave();
}

}  // namespace outboard::harness
