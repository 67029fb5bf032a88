#include "server/postgres/journal_rows.h"

namespace outboard::server {
namespace {

Budget read_budget(const Rows& rows, std::size_t row, int first) {
  return {rows.count(row, first), rows.count(row, first + 1), rows.count(row, first + 2),
          rows.count(row, first + 3)};
}

}  // namespace

Session read_session(const Rows& rows, std::size_t row) {
  Session session;
  session.id = SessionId{rows.uuid(row, 0)};
  session.organisation = rows.text(row, 1);
  session.creator = rows.text(row, 2);
  session.parent = SessionId{rows.uuid(row, 3)};
  session.agent_revision = rows.text(row, 4);
  session.state = static_cast<SessionState>(rows.number(row, 5));
  session.head_seq = rows.count(row, 6);
  session.epoch = Epoch{rows.count(row, 7)};
  session.generation = Generation{rows.count(row, 8)};
  session.worker = rows.text(row, 9);
  session.lease_unix_ms = rows.number(row, 10);
  session.wake_unix_ms = rows.number(row, 11);
  session.budget = read_budget(rows, row, 12);
  session.spent = read_budget(rows, row, 16);
  session.crash_count = static_cast<std::uint32_t>(rows.count(row, 20));
  session.diagnosis = rows.text(row, 21);
  session.created_unix_ms = rows.number(row, 22);
  return session;
}

bool is_administrator(const Caller& caller) {
  return caller.admin || caller.token == 0;
}

Params seen_by(const Caller& caller) {
  return Params()
      .int8(caller.organisation)
      .boolean(is_administrator(caller))
      .bytes(caller.principal);
}

Error no_session(SessionId session) {
  return Error{Code::not_found, "there is no session " + to_string(session), to_string(session)};
}

}  // namespace outboard::server
