// PgJournal's sessions and inbox.
#include "server/postgres/pg_journal.h"

#include <charconv>

#include "server/journal_limits.h"
#include "server/postgres/journal_rows.h"
#include "server/postgres/sqlstate.h"

namespace outboard::server {
namespace {

// A row that is only a fence becomes a session, and keeps its epoch and generation.
constexpr Sql kCreate{
    "journal_create",
    "INSERT INTO sessions AS s (id, organisation, creator, parent, agent_revision, state, "
    "queued_at, budget_tokens, budget_cost, budget_wall, budget_sandbox) "
    "VALUES ($1::uuid, $2::bigint, $3::text, $4::uuid, $5::text, 1, clock_timestamp(), "
    "$6::bigint, $7::bigint, $8::bigint, $9::bigint) ON CONFLICT (id) DO UPDATE SET "
    "creator = excluded.creator, parent = excluded.parent, "
    "agent_revision = excluded.agent_revision, state = 1, queued_at = excluded.queued_at, "
    "budget_tokens = excluded.budget_tokens, budget_cost = excluded.budget_cost, "
    "budget_wall = excluded.budget_wall, budget_sandbox = excluded.budget_sandbox, "
    "created = clock_timestamp() "
    "WHERE s.state IS NULL AND s.organisation = excluded.organisation "
    "RETURNING " OUTBOARD_SESSION_COLUMNS};
constexpr Sql kDescribe{"journal_describe", "SELECT " OUTBOARD_SESSION_COLUMNS
                                            " FROM sessions s WHERE s.id = $4::uuid "
                                            "AND " OUTBOARD_SESSION_SEEN};
// $7, $8: behind that one; the last column is its place among the rest.
constexpr Sql kList{
    "journal_list",
    "SELECT " OUTBOARD_SESSION_COLUMNS
    ", (extract(epoch FROM s.created) * 1000000)::bigint FROM sessions s "
    "WHERE " OUTBOARD_SESSION_SEEN
    " AND ($4::bigint = 0 OR s.state = $4::bigint) AND ($5::text = '' OR s.creator = $5::text) "
    "AND ($7::bigint = 0 OR (s.created, s.id) < "
    "('epoch'::timestamptz + $7::bigint * interval '1 microsecond', $8::uuid)) "
    "ORDER BY s.created DESC, s.id DESC LIMIT $6::bigint"};
constexpr Sql kOpenCalls{
    "journal_open_calls",
    "SELECT op, turn, index, tool, effect, state, epoch, generation, output_offset, "
    "output_digest FROM tool_calls WHERE session = $1::uuid AND state < 5 ORDER BY turn, index"};
// A post and a release, or an append, wait for each other at the session's row and read there how
// many items wait, so none is slept over.
constexpr Sql kPost{
    "journal_post",
    "WITH s AS (UPDATE sessions s SET inbox_waiting = inbox_waiting + 1, "
    "state = CASE WHEN s.state = 3 THEN 1 ELSE s.state END, "
    "queued_at = CASE WHEN s.state = 3 THEN clock_timestamp() ELSE s.queued_at END, "
    "wake_at = CASE WHEN s.state = 3 THEN NULL ELSE s.wake_at END "
    "WHERE s.id = $4::uuid AND " OUTBOARD_SESSION_SEEN
    " AND s.inbox_waiting < $10::bigint AND NOT EXISTS (SELECT 1 FROM inbox i "
    "WHERE i.session = $4::uuid AND i.client_id = $5::uuid) "
    "RETURNING s.id, s.organisation, s.state, s.worker), "
    "i AS (INSERT INTO inbox (session, client_id, author, kind, message, op, allow) "
    "SELECT s.id, $5::uuid, $3::text, $6::bigint::smallint, $7::text, $8::uuid, $9::boolean "
    "FROM s) SELECT organisation, state = 1, coalesce(worker, 0) FROM s"};
constexpr Sql kPosted{"journal_posted",
                      "SELECT i.client_id IS NOT NULL FROM sessions s LEFT JOIN inbox i "
                      "ON i.session = s.id AND i.client_id = $5::uuid "
                      "WHERE s.id = $4::uuid AND " OUTBOARD_SESSION_SEEN};
constexpr Sql kInbox{
    "journal_inbox",
    "SELECT i.client_id, i.author, " OUTBOARD_MILLIS("i.at") ", i.kind, i.message, i.op, i.allow "
    "FROM sessions s LEFT JOIN inbox i ON i.session = s.id AND i.taken_seq IS NULL "
    "WHERE s.id = $4::uuid AND " OUTBOARD_SESSION_SEEN " ORDER BY i.number"};

Status check_name(std::string_view what, std::string_view name) {
  if (name.size() <= kJournalNameBytesMax) return success();
  return Error{Code::too_big, std::string(what) + " of " + std::to_string(name.size()) +
                                  " bytes; at most " + std::to_string(kJournalNameBytesMax)};
}

enum class ItemKind : std::int64_t { message, interrupt, approval };

struct PageMark {
  std::int64_t created_us = 0;
  Uuid id;
};

// "<microseconds>:<uuid>"
Result<PageMark> parse_mark(const std::string& token) {
  PageMark mark;
  if (token.empty()) return mark;
  const auto number = std::from_chars(token.data(), token.data() + token.size(), mark.created_us);
  const auto colon = static_cast<std::size_t>(number.ptr - token.data());
  const auto id = colon < token.size() && token[colon] == ':'
                      ? parse_uuid(std::string_view(token).substr(colon + 1))
                      : std::nullopt;
  if (number.ec != std::errc{} || !id) {
    return Error{Code::invalid, "\"" + token +
                                    "\" is no page_token; give back the one that the "
                                    "page before had, unchanged"};
  }
  mark.id = *id;
  return mark;
}

}  // namespace

Status may_use_journal(const Caller& caller) {
  if (!caller.session) return success();
  return Error{Code::no_access,
               "a sandbox's token does not reach the journal: use the token of a person or of a "
               "harness"};
}

Status may_work(const Caller& caller) {
  if (auto good = may_use_journal(caller); !good) return good;
  if (is_administrator(caller)) return success();
  return Error{Code::no_access,
               "only a harness works on sessions: use an administrator's token of the "
               "organisation"};
}

void PgJournal::ring_session(std::uint64_t organisation, SessionId session, bool runnable) {
  bell_.ring({Bell::Kind::session, 0, session});
  if (runnable) bell_.ring({Bell::Kind::runnable, organisation, {}});
}

Result<CreatedSession> PgJournal::create(const Call& call, const NewSession& wanted) {
  if (auto good = may_use_journal(call.caller); !good) return good.error();
  if (!wanted.id) return Error{Code::invalid, "a session needs an id; make a random uuid"};
  if (auto good = check_name("an agent revision", wanted.agent_revision); !good) {
    return good.error();
  }
  if (call.caller.organisation == 0) {
    return Error{Code::invalid,
                 "a session belongs to an organisation, and this token to none: use one of the "
                 "organisation's"};
  }
  if (wanted.parent) {
    auto parent = describe(call, wanted.parent);
    if (!parent) return parent.error();
  }
  auto rows = pool_.run(kCreate,
                        Params()
                            .uuid(wanted.id.uuid)
                            .int8(call.caller.organisation)
                            .bytes(call.caller.principal)
                            .uuid(wanted.parent.uuid)
                            .bytes(wanted.agent_revision)
                            .int8(wanted.budget.tokens)
                            .int8(wanted.budget.cost_microdollars)
                            .int8(wanted.budget.wall_ms)
                            .int8(wanted.budget.sandbox_ms),
                        call.deadline);
  if (!rows) return rows.error();
  if (!rows->empty()) {
    ring_session(call.caller.organisation, wanted.id, true);
    return CreatedSession{read_session(*rows, 0), false};
  }
  auto known = describe(call, wanted.id);
  if (known) return CreatedSession{*std::move(known), true};
  if (known.error().code != Code::not_found) return known.error();
  return Error{Code::exists, "the id is another session's; make a random uuid",
               to_string(wanted.id)};
}

Result<Session> PgJournal::describe(const Call& call, SessionId session) {
  if (auto good = may_use_journal(call.caller); !good) return good.error();
  auto rows = pool_.run(kDescribe, seen_by(call.caller).uuid(session.uuid), call.deadline);
  if (!rows) return rows.error();
  if (rows->empty()) return no_session(session);
  return read_session(*rows, 0);
}

Result<std::vector<ToolCall>> PgJournal::open_calls(const Call& call, SessionId session) {
  if (auto known = describe(call, session); !known) return known.error();
  auto rows = pool_.run(kOpenCalls, Params().uuid(session.uuid), call.deadline);
  if (!rows) return rows.error();
  std::vector<ToolCall> calls;
  for (std::size_t row = 0; row < rows->size(); ++row) {
    calls.push_back({OpId{rows->uuid(row, 0)}, rows->count(row, 1),
                     static_cast<std::uint32_t>(rows->count(row, 2)), rows->text(row, 3),
                     static_cast<EffectClass>(rows->number(row, 4)),
                     static_cast<ToolCallState>(rows->number(row, 5)), Epoch{rows->count(row, 6)},
                     Generation{rows->count(row, 7)}, rows->count(row, 8), rows->digest(row, 9)});
  }
  return calls;
}

Result<SessionPage> PgJournal::list(const Call& call, const SessionQuery& query) {
  if (auto good = may_use_journal(call.caller); !good) return good.error();
  auto mark = parse_mark(query.page_token);
  if (!mark) return mark.error();
  if (query.limit > kSessionPageMax) {
    return Error{Code::invalid, "a page of " + std::to_string(query.limit) + " sessions; at most " +
                                    std::to_string(kSessionPageMax)};
  }
  const std::uint32_t limit = query.limit == 0 ? kSessionPageDefault : query.limit;
  auto rows = pool_.run(kList,
                        seen_by(call.caller)
                            .int8(query.state ? static_cast<std::int64_t>(*query.state) : 0)
                            .bytes(query.creator)
                            .int8(std::int64_t{limit} + 1)
                            .int8(mark->created_us)
                            .uuid(mark->id),
                        call.deadline);
  if (!rows) return rows.error();
  SessionPage page;
  for (std::size_t row = 0; row < rows->size() && row < limit; ++row) {
    page.sessions.push_back(read_session(*rows, row));
  }
  if (rows->size() > limit) {
    page.next_page_token = std::to_string(rows->number(limit - 1, kSessionColumns)) + ":" +
                           to_string(page.sessions.back().id);
  }
  return page;
}

Result<bool> PgJournal::post(const Call& call, SessionId session, const InboxItem& item) {
  if (auto good = may_use_journal(call.caller); !good) return good.error();
  if (!item.client_id) return Error{Code::invalid, "an inbox item needs an id; make a random uuid"};
  const auto* text = std::get_if<std::string>(&item.content);
  const auto* approval = std::get_if<Approval>(&item.content);
  const std::string& words = text ? *text : approval ? approval->message : std::string();
  if (words.size() > kInboxMessageBytesMax) {
    return Error{Code::too_big, "a message of " + std::to_string(words.size()) +
                                    " bytes; at most " + std::to_string(kInboxMessageBytesMax)};
  }
  const ItemKind kind = text       ? ItemKind::message
                        : approval ? ItemKind::approval
                                   : ItemKind::interrupt;
  auto rows = pool_.run(kPost,
                        seen_by(call.caller)
                            .uuid(session.uuid)
                            .uuid(item.client_id)
                            .int8(static_cast<std::int64_t>(kind))
                            .bytes(words)
                            .uuid(approval ? approval->op.uuid : Uuid{})
                            .boolean(approval && approval->allow)
                            .int8(std::int64_t{kInboxItemsMax}),
                        call.deadline);
  if (!rows && rows.error().code == Code::exists) return true;  // at the same time, twice
  if (!rows) return rows.error();
  if (!rows->empty()) {
    ring_session(rows->count(0, 0), session, rows->flag(0, 1));
    if (const std::uint64_t worker = rows->count(0, 2); worker != 0) {
      bell_.ring({Bell::Kind::inbox, worker, session});
    }
    return false;
  }
  auto posted = pool_.run(kPosted, seen_by(call.caller).uuid(session.uuid).uuid(item.client_id),
                          call.deadline);
  if (!posted) return posted.error();
  if (posted->empty()) return no_session(session);
  if (posted->flag(0, 0)) return true;
  return Error{Code::unavailable, "the inbox of session " + to_string(session) +
                                      " is full; post again when it has read some"};
}

Result<std::vector<InboxItem>> PgJournal::inbox(const Call& call, SessionId session) {
  if (auto good = may_use_journal(call.caller); !good) return good.error();
  auto rows = pool_.run(kInbox, seen_by(call.caller).uuid(session.uuid), call.deadline);
  if (!rows) return rows.error();
  if (rows->empty()) return no_session(session);
  std::vector<InboxItem> items;
  for (std::size_t row = 0; row < rows->size() && !rows->null(row, 0); ++row) {
    InboxItem item{rows->uuid(row, 0), rows->text(row, 1), rows->number(row, 2), Interrupt{}};
    switch (static_cast<ItemKind>(rows->number(row, 3))) {
      case ItemKind::message: item.content = rows->text(row, 4); break;
      case ItemKind::interrupt: break;
      case ItemKind::approval:
        item.content = Approval{OpId{rows->uuid(row, 5)}, rows->flag(row, 6), rows->text(row, 4)};
        break;
    }
    items.push_back(std::move(item));
  }
  return items;
}

}  // namespace outboard::server
