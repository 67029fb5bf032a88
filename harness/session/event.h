// Event: what happened in a session, as its journal keeps it for ever.
//
// Runner → encode → Journal::append; Journal::replay → decode → fold (state.h). A closed set: each
// kind has a name and a payload version, and a reader that does not know one says so and stops.
// An encoded event is at most kEventBytesMax; longer words are a blob that a Body names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/digest.h"
#include "core/ids.h"
#include "core/result.h"

namespace outboard::harness {

// Words that stand in the event, or (`blob` set) in the blob of that digest. UTF-8.
struct Body {
  std::string text;  // empty when `blob` is set
  std::optional<Sha256> blob;
  std::uint64_t size = 0;  // bytes of the whole

  static Body of(std::string words) {
    const std::uint64_t size = words.size();
    return Body{std::move(words), std::nullopt, size};
  }
  friend bool operator==(const Body&, const Body&) = default;
};

// Whether `words` may stand in an event; else they go to a blob.
bool fits_inline(std::string_view words);

// At most `bytes_max` bytes of `text`, cut between characters, in valid UTF-8.
std::string clip(std::string_view text, std::size_t bytes_max);

// Whether running a call a second time would be safe.
enum class Effect : std::uint8_t {
  read,     // run again
  write,    // compare what is there with what was meant
  command,  // never again
};

enum class StopReason : std::uint8_t { end_turn, tool_use, max_tokens, refusal, other };

// What one answer cost, in tokens.
struct Usage {
  std::uint64_t input = 0;
  std::uint64_t output = 0;
  std::uint64_t cache_read = 0;
  std::uint64_t cache_write = 0;

  Usage& operator+=(const Usage& more);
  friend bool operator==(const Usage&, const Usage&) = default;
};

// Volume name → seq that a reader must have reached to see what was seen here.
using Seen = std::map<std::string, std::uint64_t>;

// ── The session ──────────────────────────────────────────────────────────────────────────────────

// Everything that the prompt's beginning is made of, so that it can be made again byte for byte.
struct SessionStarted {
  std::string agent;
  std::string model;
  Body system;
  Body tools;                        // JSON array of tool specifications
  std::vector<std::string> approve;  // tools whose calls wait for a person
  bool one_shot = false;             // finished after its first turn without calls
  friend bool operator==(const SessionStarted&, const SessionStarted&) = default;
};

// A worker took it. Without a HandedOver before, its predecessor died.
struct Claimed {
  Epoch epoch;
  std::string worker;
  friend bool operator==(const Claimed&, const Claimed&) = default;
};

// A worker gave it up on purpose, in the middle.
struct HandedOver {
  Epoch epoch;
  friend bool operator==(const HandedOver&, const HandedOver&) = default;
};

// A sandbox of this generation is about to be made; every earlier one is lost.
struct SandboxIntended {
  Generation generation;
  friend bool operator==(const SandboxIntended&, const SandboxIntended&) = default;
};

struct UserMessage {
  std::string author;
  Body text;
  friend bool operator==(const UserMessage&, const UserMessage&) = default;
};

// Stop what runs and wait for a person.
struct Interrupted {
  std::string author;
  friend bool operator==(const Interrupted&, const Interrupted&) = default;
};

// Something was sent that means nothing (any more): an approval of a call that does not wait.
struct InboxRefused {
  std::string author;
  std::string why;
  friend bool operator==(const InboxRefused&, const InboxRefused&) = default;
};

struct SessionFailed {
  std::string code;
  std::string diagnosis;
  friend bool operator==(const SessionFailed&, const SessionFailed&) = default;
};

struct SessionFinished {
  friend bool operator==(const SessionFinished&, const SessionFinished&) = default;
};

// ── The model ────────────────────────────────────────────────────────────────────────────────────

// Logged before the request. A second attempt with the same digest has the identical prefix.
struct ModelAsked {
  std::uint64_t turn = 0;
  std::uint32_t attempt = 1;
  Sha256 prompt;
  friend bool operator==(const ModelAsked&, const ModelAsked&) = default;
};

// Appended together with the intents of all its calls.
struct ModelAnswered {
  std::uint64_t turn = 0;
  Body text;
  StopReason stop = StopReason::end_turn;
  Usage usage;
  friend bool operator==(const ModelAnswered&, const ModelAnswered&) = default;
};

struct ModelFailed {
  std::uint64_t turn = 0;
  std::string code;
  std::string message;
  std::int64_t retry_unix_ms = 0;  // ask again then; 0: never, the session fails
  friend bool operator==(const ModelFailed&, const ModelFailed&) = default;
};

// ── Tool calls ───────────────────────────────────────────────────────────────────────────────────

struct CallIntended {
  OpId op;
  std::uint64_t turn = 0;
  std::uint32_t index = 0;
  std::string use_id;  // the provider's; only ever sent back to it
  std::string tool;
  Effect effect = Effect::command;
  Body input;  // JSON
  bool needs_approval = false;
  friend bool operator==(const CallIntended&, const CallIntended&) = default;
};

struct CallApproved {
  OpId op;
  std::string author;
  friend bool operator==(const CallApproved&, const CallApproved&) = default;
};

// It will never run; `message` is what the model is told.
struct CallDenied {
  OpId op;
  std::string author;
  std::string message;
  friend bool operator==(const CallDenied&, const CallDenied&) = default;
};

// It may have effects from here on.
struct CallDispatched {
  OpId op;
  Epoch epoch;
  Generation generation;         // of the sandbox that it goes to; 0: none
  std::optional<Sha256> before;  // of a write: the content it is based on; unset: there is none
  std::optional<Sha256> after;   // of a write: the content it makes
  Body done;                     // of a write: its result, should nobody be left to say it
  friend bool operator==(const CallDispatched&, const CallDispatched&) = default;
};

// Output of a running command up to `offset`.
struct CallProgress {
  OpId op;
  std::uint64_t offset = 0;
  Body part;  // from the offset before to this one
  friend bool operator==(const CallProgress&, const CallProgress&) = default;
};

struct CallFinished {
  OpId op;
  bool is_error = false;
  Body result;
  std::optional<Sha256> output;  // blob of the whole output when `result` is cut
  Seen seen;
  friend bool operator==(const CallFinished&, const CallFinished&) = default;
};

// Nobody can know what became of it; `result` says so to the model.
struct CallLost {
  OpId op;
  Body result;
  friend bool operator==(const CallLost&, const CallLost&) = default;
};

using Event = std::variant<SessionStarted, Claimed, HandedOver, UserMessage, Interrupted,
                           SessionFailed, SessionFinished, ModelAsked, ModelAnswered, ModelFailed,
                           CallIntended, CallApproved, CallDenied, CallDispatched, CallProgress,
                           CallFinished, CallLost, SandboxIntended, InboxRefused>;

// As the journal stores it.
struct EncodedEvent {
  std::string kind;           // "call_finished"
  std::uint32_t version = 1;  // of the payload's format
  std::string payload;        // JSON
  friend bool operator==(const EncodedEvent&, const EncodedEvent&) = default;
};

std::string_view kind_of(const Event& event);
// Who did it: "user:ada", "model", "harness".
std::string actor_of(const Event& event);

// too_big: over kEventBytesMax.
Result<EncodedEvent> encode(const Event& event);
// unsupported: a kind or version that this harness does not know. corrupt: not such a payload.
Result<Event> decode(const EncodedEvent& event);

// uuid5 of session, turn and index: any worker names the same call alike.
OpId op_id_of(SessionId session, std::uint64_t turn, std::uint32_t index);

}  // namespace outboard::harness
