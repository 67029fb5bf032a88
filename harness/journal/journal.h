// Journal: where sessions live. An append-only list of events for each, a claim on it, an inbox.
//
// Worker, runner, api → Journal ← MemoryJournal (tests), GrpcJournal (JournalService, the truth).
//
// What always holds:
//  - Events of a session have seqs 1, 2, 3 … without gaps; an append happens whole or not at all.
//  - Only the holder of the session's current epoch appends; a claim raises the epoch, and whoever
//    comes with a lower one is `fenced`: stop at once, somebody else goes on.
//  - The epoch is safety, the lease only liveness: it decides when others may claim.
//  - An inbox item is taken up by at most one event. What is posted to a waiting session makes it
//    claimable; so does an item not taken up when it is released as waiting.
//
// Any thread. Every function blocks until its answer or the call's deadline and throws nothing; any
// may answer unavailable or timed_out, which says nothing about what happened.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/ids.h"
#include "core/result.h"
#include "harness/session/event.h"
#include "harness/session/state.h"
#include "harness/session/step.h"

namespace outboard::harness {

enum class SessionPhase : std::uint8_t { runnable, running, waiting, finished, failed };

std::string_view name_of(SessionPhase phase);

struct SessionInfo {
  SessionId id;
  std::string creator;  // principal
  std::string agent_revision;
  SessionPhase phase = SessionPhase::runnable;
  std::uint64_t head = 0;  // seq of its last event
  Epoch epoch;             // of the worker that holds it, or held it last
  std::string worker;      // empty: nobody's
  std::int64_t wake_unix_ms = 0;
  std::string diagnosis;
  Timestamp created;
};

struct NewSession {
  SessionId id;  // made by the client
  std::string agent_revision;
  SessionId parent;  // nil: none
};

struct Created {
  SessionInfo session;
  bool existed = false;
};

struct SessionQuery {
  std::optional<SessionPhase> phase;  // unset: all
  std::uint32_t limit = 100;          // at most 1,000
  std::string page;                   // of the answer before; empty: the first
};

struct FoundSessions {
  std::vector<SessionInfo> sessions;  // newest first
  std::string next_page;              // empty: that was all
};

// An event as it is kept.
struct Record {
  std::uint64_t seq = 0;
  Event event;
  std::string actor;
  std::uint64_t turn = 0;
  Timestamp at;
  Uuid inbox;  // the item that it took up; nil: none
};

// The state of a tool call beside the events, for those who look without folding.
struct CallRow {
  CallIntended intent;
  CallStage stage = CallStage::intended;
  Epoch epoch;  // of the dispatch
  Generation generation;
  std::uint64_t offset = 0;
  std::optional<Sha256> output;
};

struct Append {
  SessionId session;
  Epoch epoch;
  std::uint64_t after = 0;  // the session's head; another one is a conflict
  std::uint64_t turn = 0;
  std::vector<Draft> drafts;  // 1 to kAppendEventsMax
  std::vector<CallRow> calls;
  Usage spent;  // added to what was spent
};

struct Appended {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

struct Release {
  SessionId session;
  Epoch epoch;
  SessionPhase phase = SessionPhase::waiting;  // not running
  std::int64_t wake_unix_ms = 0;               // with waiting; 0: not by time
  std::string diagnosis;                       // with failed
};

struct Tailed {
  std::vector<Record> records;  // empty: a mark, still current
  SessionPhase phase = SessionPhase::runnable;
  std::uint64_t head = 0;
};

// Follows one session. One thread; wake() from any.
class Tail {
 public:
  virtual ~Tail() = default;
  // What came since; timed_out when `until` has passed without anything.
  virtual Result<Tailed> next(Moment until) = 0;
  // Makes next() return timed_out now.
  virtual void wake() = 0;
};

// What a worker is told. Called on the journal's own thread, must not block.
class WorkSink {
 public:
  virtual ~WorkSink() = default;
  virtual void on_runnable() = 0;                // there may be something to claim
  virtual void on_lost(SessionId session) = 0;   // no longer this worker's
  virtual void on_inbox(SessionId session) = 0;  // something new for a held session
};

// A worker's heartbeat: its leases last while it lives. A call to the sink that is under way when
// it is destroyed may still come to its end.
class WorkStream {
 public:
  virtual ~WorkStream() = default;
  // How many more sessions it could take; draining: none ever again.
  virtual void offer(std::uint32_t capacity, bool draining) = 0;
};

class Journal {
 public:
  virtual ~Journal() = default;

  // Sent twice with one id it is created once. invalid: a nil id.
  virtual Result<Created> create(const NewSession& session, Moment deadline) = 0;
  // not_found: none, or none the caller may see.
  virtual Result<SessionInfo> describe(SessionId session, Moment deadline) = 0;

  // Those that the caller may see.
  virtual Result<FoundSessions> find(const SessionQuery& query, Moment deadline) = 0;

  // Takes up to `limit` sessions that want work and are nobody's; each has a new epoch. `held` are
  // those that the worker runs: any other recorded as its own was claimed by an answer that was
  // lost, and is claimed anew.
  virtual Result<std::vector<SessionInfo>> claim(std::string_view worker,
                                                 const std::vector<SessionId>& held,
                                                 std::size_t limit, Moment deadline) = 0;
  virtual Status release(const Release& release, Moment deadline) = 0;
  virtual Result<std::unique_ptr<WorkStream>> work(std::string_view worker,
                                                   std::shared_ptr<WorkSink> sink,
                                                   Moment deadline) = 0;

  // fenced: not the current epoch. conflict: the head is not `after`, so an append whose answer was
  // lost can be sent again. no_space: over the session's budget. too_big: an event over its
  // limit. exists: an inbox item was taken up before. Nothing was appended.
  virtual Result<Appended> append(const Append& append, Moment deadline) = 0;
  // Records behind `after`, oldest first, to `take` (on the caller's thread); false stops.
  virtual Status replay(SessionId session, std::uint64_t after,
                        const std::function<bool(Record)>& take, Moment deadline) = 0;
  virtual Result<std::unique_ptr<Tail>> tail(SessionId session, std::uint64_t after,
                                             Moment deadline) = 0;

  // True: it was there already. The author and time are the server's to say. unavailable: the
  // inbox is full.
  virtual Result<bool> post(SessionId session, const InboxItem& item, Moment deadline) = 0;
  // Not yet taken up, oldest first.
  virtual Result<std::vector<InboxItem>> inbox(SessionId session, Moment deadline) = 0;
};

// How the call stands after `draft`, for Append::calls; nothing when the event is of no call.
// REQUIRES: `after` is the state with the event folded in.
std::optional<CallRow> call_row(const State& after, const Event& event);

}  // namespace outboard::harness
