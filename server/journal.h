// Journal: sessions as rows. What JournalService serves; the words are those of journal.proto.
//
// Place in the flow: server/rpc → Journal ← PgJournal.
//
// What always holds:
//  - Events of a session have seqs 1, 2, 3 … without gaps; an append happens whole or not at all.
//  - Only the holder of the session's current epoch appends or releases; others are `fenced`.
//  - Every lease and every time is the database's.
//  - A session is not_found for whoever is neither its creator nor an administrator of its
//    organisation. Working (claim, append, release, work) takes an administrator's token: a
//    harness's. A token bound to a session, a sandbox's, reaches nothing here: no_access.
//
// Any thread. Every function blocks until its answer or the call's deadline.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/call.h"
#include "core/digest.h"
#include "core/result.h"

namespace outboard::server {

// The numbers are the wire's and the database's.
enum class SessionState : std::uint8_t { runnable = 1, running, waiting, finished, failed };
enum class EffectClass : std::uint8_t { read = 1, write, command };
enum class ToolCallState : std::uint8_t {
  intended = 1,
  awaiting_approval,
  approved,
  dispatched,
  finished,  // this and the rest are terminal: the first of them wins
  denied,
  lost
};

// Limits, or what was used of them. 0: no limit.
struct Budget {
  std::uint64_t tokens = 0;
  std::uint64_t cost_microdollars = 0;
  std::uint64_t wall_ms = 0;
  std::uint64_t sandbox_ms = 0;

  friend bool operator==(const Budget&, const Budget&) = default;
};

struct Session {
  SessionId id;
  std::string organisation;
  std::string creator;
  SessionId parent;
  std::string agent_revision;
  SessionState state = SessionState::runnable;
  std::uint64_t head_seq = 0;
  Epoch epoch;
  Generation generation;
  std::string worker;
  std::int64_t lease_unix_ms = 0;
  std::int64_t wake_unix_ms = 0;
  Budget budget;
  Budget spent;
  std::uint32_t crash_count = 0;
  std::string diagnosis;
  std::int64_t created_unix_ms = 0;
};

struct SessionEvent {
  std::uint64_t seq = 0;  // the journal's to say, as is at_unix_ms
  std::string kind;
  std::uint32_t payload_version = 0;
  std::string payload;
  std::string actor;
  std::uint64_t turn = 0;
  std::int64_t at_unix_ms = 0;
  Uuid inbox;  // the item that it takes up; nil: none
};

struct ToolCall {
  OpId op;
  std::uint64_t turn = 0;
  std::uint32_t index = 0;
  std::string tool;
  EffectClass effect = EffectClass::read;
  ToolCallState state = ToolCallState::intended;
  Epoch epoch;
  Generation generation;
  std::uint64_t output_offset = 0;
  std::optional<Sha256> output;
};

struct Interrupt {};
struct Approval {
  OpId op;
  bool allow = false;
  std::string message;
};

struct InboxItem {
  Uuid client_id;
  std::string author;  // the journal's to say, as is at_unix_ms
  std::int64_t at_unix_ms = 0;
  std::variant<std::string, Interrupt, Approval> content;
};

struct NewSession {
  SessionId id;
  std::string agent_revision;
  SessionId parent;
  Budget budget;
};

struct CreatedSession {
  Session session;
  bool existed = false;
};

struct SessionQuery {
  std::optional<SessionState> state;
  std::string creator;  // empty: all that the caller may see
  std::uint32_t limit = 0;
  std::string page_token;
};

struct SessionPage {
  std::vector<Session> sessions;  // newest first
  std::string next_page_token;
};

struct ReleaseRequest {
  SessionId session;
  Epoch epoch;
  SessionState state = SessionState::waiting;
  std::int64_t wake_unix_ms = 0;
  std::string diagnosis;
};

struct AppendRequest {
  SessionId session;
  Epoch epoch;
  std::vector<SessionEvent> events;
  std::vector<ToolCall> calls;
  Budget spent;
  std::optional<std::uint64_t> after_seq;
};

struct Appended {
  std::uint64_t first_seq = 0;  // 0: no events were given
  std::uint64_t last_seq = 0;
};

struct EventPage {
  std::vector<SessionEvent> events;
  SessionState state = SessionState::runnable;  // from here on: as of the same moment
  std::uint64_t head_seq = 0;
};

// Hears that a session may have changed. Must not block; a call under way when its Hook goes may
// still come to its end.
class SessionSink {
 public:
  virtual ~SessionSink() = default;
  virtual void changed() = 0;
};

// What a worker's stream hears; likewise.
class ShiftSink {
 public:
  virtual ~ShiftSink() = default;
  virtual void runnable() = 0;
  virtual void lost(SessionId session) = 0;
  virtual void inbox(SessionId session) = 0;
  virtual void replaced() = 0;  // the worker has opened another stream
};

// Something that lasts as long as it is kept. Destroying it does not block.
class Hook {
 public:
  virtual ~Hook() = default;
};

class Journal {
 public:
  virtual ~Journal() = default;

  virtual Result<CreatedSession> create(const Call& call, const NewSession& session) = 0;
  virtual Result<Session> describe(const Call& call, SessionId session) = 0;
  virtual Result<std::vector<ToolCall>> open_calls(const Call& call, SessionId session) = 0;
  virtual Result<SessionPage> list(const Call& call, const SessionQuery& query) = 0;

  virtual Result<std::vector<Session>> claim(const Call& call, std::string_view worker,
                                             std::uint32_t limit,
                                             const std::vector<SessionId>& held) = 0;
  virtual Status release(const Call& call, const ReleaseRequest& request) = 0;
  // The worker's sessions stay its own while this is kept, and a short grace longer. The newest of
  // a name counts.
  virtual Result<std::unique_ptr<Hook>> work(const Call& call, std::string_view worker,
                                             std::shared_ptr<ShiftSink> sink) = 0;

  // fenced; conflict: another head; no_space: the budget was used up before; exists: an inbox item
  // was taken up before; too_big.
  virtual Result<Appended> append(const Call& call, const AppendRequest& request) = 0;
  // At most kEventPageMax events behind `after`.
  virtual Result<EventPage> events(const Call& call, SessionId session, std::uint64_t after) = 0;
  // A doorbell for tails: ask events() once after this, and again when it rings.
  virtual Result<std::unique_ptr<Hook>> follow(const Call& call, SessionId session,
                                               std::shared_ptr<SessionSink> sink) = 0;

  // True: it was there already.
  virtual Result<bool> post(const Call& call, SessionId session, const InboxItem& item) = 0;
  virtual Result<std::vector<InboxItem>> inbox(const Call& call, SessionId session) = 0;
};

}  // namespace outboard::server
