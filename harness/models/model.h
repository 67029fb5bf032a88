// Model: the port to whoever answers. A prompt goes in, an answer comes out, streamed on the way.
//
// Runner → Model ← ScriptedModel (a scenario file), AnthropicModel (Messages over HTTPS).
// Any thread; one ask() at a time on one model is enough for a session, several are allowed.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "harness/session/event.h"
#include "harness/session/prompt.h"

namespace outboard::harness {

struct AskedCall {
  std::string id;  // the provider's
  std::string tool;
  std::string input;  // JSON, as the model wrote it: it may be malformed
  friend bool operator==(const AskedCall&, const AskedCall&) = default;
};

struct Answer {
  std::string text;
  std::vector<AskedCall> calls;
  StopReason stop = StopReason::end_turn;
  Usage usage;
  friend bool operator==(const Answer&, const Answer&) = default;
};

// Hears the answer as it comes. Nothing of it is durable: the whole follows, or on_dropped().
// On the asking thread; must not block for long.
class AnswerSink {
 public:
  virtual ~AnswerSink() = default;
  virtual void on_text(std::string_view delta) = 0;
  virtual void on_call(std::uint32_t index, std::string_view tool) = 0;
  virtual void on_call_input(std::uint32_t index, std::string_view part) = 0;
};

class Model {
 public:
  virtual ~Model() = default;
  // unavailable, timed_out: may pass; `retry_after_ms` says when, if the provider did. Everything
  // else will not pass by itself: invalid, unauthenticated, no_access, too_big, no_space.
  // A requested stop ends it soon with timed_out.
  virtual Result<Answer> ask(const Prompt& prompt, AnswerSink& sink, const std::stop_token& stop,
                             Moment deadline) = 0;
};

}  // namespace outboard::harness
