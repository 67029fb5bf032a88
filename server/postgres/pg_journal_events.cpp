// PgJournal's log: events appended by the holder of the epoch, read by whoever may see the session.
#include <algorithm>

#include "server/journal_limits.h"
#include "server/postgres/journal_rows.h"
#include "server/postgres/pg_journal.h"
#include "server/postgres/sqlstate.h"

namespace outboard::server {
namespace {

// One statement. The session's row decides: its epoch fences, its head allots the seqs and feeds
// the insert, so that no row back means that nothing was appended. A second event for one inbox
// item breaks a unique index, and with it the whole statement.
constexpr Sql kAppend{
    "journal_append",
    "WITH given AS (SELECT * FROM unnest($7::text[], $8::bigint[], $9::bytea[], $10::text[], "
    "$11::bigint[], $12::uuid[]) WITH ORDINALITY AS g(kind, version, payload, actor, turn, inbox, "
    "n)), "
    "s AS (UPDATE sessions s SET head_seq = s.head_seq + (SELECT count(*) FROM given), "
    "turn = greatest(s.turn, (SELECT coalesce(max(turn), 0) FROM given)), "
    "crash_count = CASE WHEN (SELECT max(turn) FROM given) > s.turn THEN 0 ELSE s.crash_count END, "
    "inbox_waiting = s.inbox_waiting - (SELECT count(*) FROM inbox i JOIN given g "
    "ON i.client_id = g.inbox WHERE i.session = $2::uuid AND i.taken_seq IS NULL), "
    "spent_tokens = s.spent_tokens + $23::bigint, spent_cost = s.spent_cost + $24::bigint, "
    "spent_wall = s.spent_wall + $25::bigint, spent_sandbox = s.spent_sandbox + $26::bigint, "
    "lease_until = clock_timestamp() + $4::bigint * interval '1 millisecond' "
    "WHERE s.id = $2::uuid AND ($1::bigint = 0 OR s.organisation = $1::bigint) "
    "AND s.epoch = $3::bigint AND s.state = 2 "
    "AND (NOT $5::boolean OR s.head_seq = $6::bigint) "
    "AND (s.budget_tokens = 0 OR s.spent_tokens < s.budget_tokens) "
    "AND (s.budget_cost = 0 OR s.spent_cost < s.budget_cost) "
    "AND (s.budget_wall = 0 OR s.spent_wall < s.budget_wall) "
    "AND (s.budget_sandbox = 0 OR s.spent_sandbox < s.budget_sandbox) "
    "RETURNING s.id, s.head_seq - (SELECT count(*) FROM given) AS head, s.head_seq AS last), "
    "e AS (INSERT INTO events (session, seq, kind, payload_version, payload, actor, turn, inbox) "
    "SELECT s.id, s.head + g.n, g.kind, g.version, g.payload, g.actor, g.turn, g.inbox "
    "FROM s, given g), "
    "i AS (UPDATE inbox i SET taken_seq = s.head + g.n FROM s, given g "
    "WHERE i.session = s.id AND i.client_id = g.inbox AND i.taken_seq IS NULL), "
    "c AS (INSERT INTO tool_calls AS t (session, op, turn, index, tool, effect, state, epoch, "
    "generation, output_offset, output_digest) "
    "SELECT s.id, c.op, c.turn, c.index, c.tool, c.effect, c.state, c.epoch, c.generation, "
    "c.output_offset, c.output_digest FROM s, unnest($13::uuid[], $14::bigint[], $15::bigint[], "
    "$16::text[], $17::bigint[], $18::bigint[], $19::bigint[], $20::bigint[], $21::bigint[], "
    "$22::bytea[]) AS c(op, turn, index, tool, effect, state, epoch, generation, output_offset, "
    "output_digest) ON CONFLICT (session, op) DO UPDATE SET state = excluded.state, "
    "epoch = excluded.epoch, generation = excluded.generation, "
    "output_offset = excluded.output_offset, output_digest = excluded.output_digest "
    "WHERE t.state < 5) SELECT head, last FROM s"};
// Why it was refused; the budget is what is left when nothing else is wrong.
constexpr Sql kWhyNot{"journal_why_not",
                      "SELECT epoch, state, head_seq FROM sessions WHERE id = $2::uuid "
                      "AND state IS NOT NULL AND ($1::bigint = 0 OR organisation = $1::bigint)"};
// One snapshot: state, head and events are of the same moment.
constexpr Sql kEvents{
    "journal_events",
    "SELECT s.state, s.head_seq, e.seq, e.kind, e.payload_version, e.payload, e.actor, e.turn, "
    OUTBOARD_MILLIS("e.at") ", e.inbox FROM sessions s LEFT JOIN LATERAL (SELECT * FROM events "
    "WHERE session = s.id AND seq > $5::bigint ORDER BY seq LIMIT $6::bigint) e ON true "
    "WHERE s.id = $4::uuid AND " OUTBOARD_SESSION_SEEN " ORDER BY e.seq"};

// All columns of the two sets, in the order of kAppend.
class Sets {
 public:
  explicit Sets(const AppendRequest& request) {
    for (const SessionEvent& event : request.events) add(event);
    for (const ToolCall& call : request.calls) add(call);
  }
  void put(Params& params) const {
    for (const Column* column : {&kind_, &version_, &payload_, &actor_, &turn_, &inbox_}) {
      params.array(*column);
    }
    for (const Column* column : {&op_, &call_turn_, &index_, &tool_, &effect_, &state_, &epoch_,
                                 &generation_, &offset_, &digest_}) {
      params.array(*column);
    }
  }

 private:
  using Type = Column::Type;

  void add(const SessionEvent& event) {
    kind_.add_bytes(event.kind);
    version_.add(std::uint64_t{event.payload_version});
    payload_.add_bytes(event.payload);
    actor_.add_bytes(event.actor);
    turn_.add(event.turn);
    inbox_.add_uuid(event.inbox);
  }
  void add(const ToolCall& call) {
    op_.add_uuid(call.op.uuid);
    call_turn_.add(call.turn);
    index_.add(std::uint64_t{call.index});
    tool_.add_bytes(call.tool);
    effect_.add(static_cast<std::int64_t>(call.effect));
    state_.add(static_cast<std::int64_t>(call.state));
    epoch_.add(call.epoch.value);
    generation_.add(call.generation.value);
    offset_.add(call.output_offset);
    digest_.add_digest(call.output);
  }

  Column kind_{Type::text}, version_{Type::int8}, payload_{Type::bytea}, actor_{Type::text},
      turn_{Type::int8}, inbox_{Type::uuid};
  Column op_{Type::uuid}, call_turn_{Type::int8}, index_{Type::int8}, tool_{Type::text},
      effect_{Type::int8}, state_{Type::int8}, epoch_{Type::int8}, generation_{Type::int8},
      offset_{Type::int8}, digest_{Type::bytea};
};

Error too_big(std::string_view what, std::size_t is, std::size_t may) {
  return Error{Code::too_big, std::string(what) + " of " + std::to_string(is) + " bytes; at most " +
                                  std::to_string(may)};
}

Status check(const AppendRequest& request) {
  if (request.events.empty() && request.calls.empty() && request.spent == Budget{}) {
    return Error{Code::invalid, "an append of nothing: give 1 to " +
                                    std::to_string(kAppendEventsMax) + " events, or calls"};
  }
  if (request.events.size() > kAppendEventsMax || request.calls.size() > kAppendCallsMax) {
    return Error{Code::invalid, "an append of " + std::to_string(request.events.size()) +
                                    " events and " + std::to_string(request.calls.size()) +
                                    " calls; at most " + std::to_string(kAppendEventsMax) +
                                    " of each: append in several"};
  }
  for (const SessionEvent& event : request.events) {
    if (event.payload.size() > kEventPayloadBytesMax) {
      Error error = too_big("an event", event.payload.size(), kEventPayloadBytesMax);
      error.message += ": keep the rest as a blob";
      return error;
    }
    const std::size_t name = std::max(event.kind.size(), event.actor.size());
    if (name > kJournalNameBytesMax) return too_big("a kind or actor", name, kJournalNameBytesMax);
  }
  for (const ToolCall& call : request.calls) {
    if (!call.op) return Error{Code::invalid, "a tool call needs its op_id"};
    if (call.tool.size() > kJournalNameBytesMax) {
      return too_big("a tool's name", call.tool.size(), kJournalNameBytesMax);
    }
  }
  return success();
}

}  // namespace

Error PgJournal::refusal(const Call& call, SessionId session, Epoch epoch,
                         std::optional<std::uint64_t> after) {
  auto rows =
      pool_.run(kWhyNot, Params().int8(call.caller.organisation).uuid(session.uuid), call.deadline);
  if (!rows) return rows.error();
  if (rows->empty()) return no_session(session);
  const Epoch current{rows->count(0, 0)};
  const auto state = static_cast<SessionState>(rows->number(0, 1));
  if (current != epoch || state != SessionState::running) {
    return Error{Code::fenced,
                 "epoch " + to_string(epoch) + " of session " + to_string(session) +
                     " has passed: it is at " + to_string(current) +
                     (state == SessionState::running ? "" : " and released") + "; stop",
                 to_string(session)};
  }
  if (const std::uint64_t head = rows->count(0, 2); after && *after != head) {
    Error error{Code::conflict,
                "an append behind event " + std::to_string(*after) + " of session " +
                    to_string(session) + ": the last one is " + std::to_string(head),
                to_string(session)};
    error.current_version = head;
    return error;
  }
  return Error{Code::no_space,
               "session " + to_string(session) +
                   " has used up its budget: release it as failed, or start one with more",
               to_string(session)};
}

Result<Appended> PgJournal::append(const Call& call, const AppendRequest& request) {
  if (auto good = may_work(call.caller); !good) return good.error();
  if (auto good = check(request); !good) return good.error();
  const SessionId session = request.session;
  Params params;
  params.int8(call.caller.organisation)
      .uuid(session.uuid)
      .int8(request.epoch.value)
      .int8(std::int64_t{kWorkerLease.count()})
      .boolean(request.after_seq.has_value())
      .int8(request.after_seq.value_or(0));
  Sets(request).put(params);
  params.int8(request.spent.tokens)
      .int8(request.spent.cost_microdollars)
      .int8(request.spent.wall_ms)
      .int8(request.spent.sandbox_ms);
  // Not sent again by the pool: without a head to compare with it would happen twice.
  auto connection = pool_.borrow(call.deadline);
  if (!connection) return connection.error();
  auto rows = (*connection)->run(kAppend, params, call.deadline);
  if (!rows && rows.error().code == Code::exists) {
    return Error{Code::exists,
                 "an inbox item of session " + to_string(session) + " was taken up before",
                 to_string(session)};
  }
  if (!rows) return rows.error();
  if (rows->empty()) {
    return refusal(call, session, request.epoch, request.after_seq);
  }
  ring_session(call.caller.organisation, session, false);
  if (request.events.empty()) return Appended{};
  return Appended{rows->count(0, 0) + 1, rows->count(0, 1)};
}

Result<EventPage> PgJournal::events(const Call& call, SessionId session, std::uint64_t after) {
  if (auto good = may_use_journal(call.caller); !good) return good.error();
  auto rows =
      pool_.run(kEvents, seen_by(call.caller).uuid(session.uuid).int8(after).int8(kEventPageMax),
                call.deadline);
  if (!rows) return rows.error();
  if (rows->empty()) return no_session(session);
  EventPage page;
  page.state = static_cast<SessionState>(rows->number(0, 0));
  page.head_seq = rows->count(0, 1);
  for (std::size_t row = 0; row < rows->size() && !rows->null(row, 2); ++row) {
    page.events.push_back({rows->count(row, 2), rows->text(row, 3),
                           static_cast<std::uint32_t>(rows->count(row, 4)), rows->text(row, 5),
                           rows->text(row, 6), rows->count(row, 7), rows->number(row, 8),
                           rows->uuid(row, 9)});
  }
  return page;
}

Result<std::unique_ptr<Hook>> PgJournal::follow(const Call& call, SessionId session,
                                                std::shared_ptr<SessionSink> sink) {
  if (auto known = describe(call, session); !known) return known.error();
  return bell_.follow(session, std::move(sink));
}

}  // namespace outboard::server
