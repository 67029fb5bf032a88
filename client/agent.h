// Agent: sessions of an agent, as applications see them: start, say something, watch, answer.
//
// cli → Agent ← GrpcAgent (AgentService of a harness), and the one that the commands' tests play.
// Any thread; every function blocks until its answer or the deadline.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/ids.h"
#include "core/result.h"

namespace outboard::client {

// A durable event of a session. `payload` is JSON; words too long for an event are filled in.
struct AgentEvent {
  std::uint64_t seq = 0;
  std::string kind;  // "call_finished"
  std::string payload;
  std::string actor;  // "user:ada", "model", "harness"
  std::uint64_t turn = 0;
  Timestamp at;
};

struct SessionSummary {
  SessionId id;
  std::string creator;
  std::string state;  // "runnable", "running", "waiting", "finished", "failed"
  std::uint64_t head = 0;
  std::uint64_t turn = 0;
  Timestamp created;
  std::string diagnosis;
  std::string title;
};

struct SessionPage {
  std::vector<SessionSummary> sessions;  // newest first
  std::string next;                      // empty: that was all
};

// Hears a session, in order. False from any: enough.
class AgentSink {
 public:
  virtual ~AgentSink() = default;
  virtual bool on_event(const AgentEvent& event) = 0;
  // Not durable: an event with the whole follows.
  virtual bool on_text(std::uint64_t turn, std::string_view delta) = 0;
  virtual bool on_output(OpId op, std::uint64_t offset, std::string_view bytes) = 0;
  // Partial text of that turn is void.
  virtual bool on_dropped(std::uint64_t turn) = 0;
  // Everything there is was told, and the session waits for a person or is over.
  virtual bool on_idle() = 0;
  // The harness is gone; it is dialled again. Then: it is back, and goes on behind the last event.
  virtual bool on_away(const Error& error) = 0;
  virtual bool on_back() = 0;
};

class Agent {
 public:
  virtual ~Agent() = default;
  // True: it existed. Sent twice with one id it is created once. `model` empty: the harness's own.
  virtual Result<bool> start(SessionId id, std::string_view model, std::string_view message,
                             Moment deadline) = 0;
  // True: it was there already.
  virtual Result<bool> send(SessionId id, const Uuid& message, std::string_view text,
                            Moment deadline) = 0;
  // Everything behind `after`, then what happens, until the sink has enough. An Error: it cannot
  // go on, or nobody answered for longer than `patience`.
  virtual Status watch(SessionId id, std::uint64_t after, AgentSink& sink,
                       std::chrono::milliseconds patience) = 0;
  virtual Status interrupt(SessionId id, const Uuid& request, Moment deadline) = 0;
  // invalid: the call does not wait (any more).
  virtual Status approve(SessionId id, OpId op, bool allow, std::string_view message,
                         Moment deadline) = 0;
  virtual Result<SessionSummary> describe(SessionId id, Moment deadline) = 0;
  // `state` empty: all.
  virtual Result<SessionPage> find(std::string_view state, std::uint32_t limit,
                                   std::string_view page, Moment deadline) = 0;
};

}  // namespace outboard::client
