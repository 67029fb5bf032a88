// The journal's rows as values, and who may see them. For this room's journal and blobs only.
#pragma once

#include "server/journal.h"
#include "server/postgres/params.h"
#include "server/postgres/rows.h"

namespace outboard::server {

#define OUTBOARD_MILLIS(column) "(extract(epoch FROM " column ") * 1000)::bigint"

// Of a row `s` of sessions; 23 columns.
#define OUTBOARD_SESSION_COLUMNS \
  "s.id, (SELECT o.name FROM organisations o WHERE o.id = s.organisation), s.creator, s.parent, "  \
  "s.agent_revision, s.state, s.head_seq, s.epoch, s.generation, "                                 \
  "(SELECT w.name FROM workers w WHERE w.id = s.worker), " OUTBOARD_MILLIS(                        \
      "greatest(s.lease_until, (SELECT w.alive_until FROM workers w WHERE w.id = s.worker))") ", " \
  OUTBOARD_MILLIS("s.wake_at") ", s.budget_tokens, s.budget_cost, s.budget_wall, "                 \
  "s.budget_sandbox, s.spent_tokens, s.spent_cost, s.spent_wall, s.spent_sandbox, "                \
  "s.crash_count, s.diagnosis, " OUTBOARD_MILLIS("s.created")
inline constexpr int kSessionColumns = 23;

// $1 organisation, $2 administrator, $3 principal, of a row `s` of sessions.
#define OUTBOARD_SESSION_SEEN                                                \
  "s.state IS NOT NULL AND ($1::bigint = 0 OR s.organisation = $1::bigint) " \
  "AND ($2::boolean OR s.creator = $3::text)"

Session read_session(const Rows& rows, std::size_t row);

bool is_administrator(const Caller& caller);
// $1 to $3 of OUTBOARD_SESSION_SEEN.
Params seen_by(const Caller& caller);

Error no_session(SessionId session);

}  // namespace outboard::server
