#include "server/postgres/pg_readiness.h"

namespace outboard::server {
namespace {

constexpr Sql kAsk{"readiness_ask",
                   "SELECT pg_is_in_recovery(), "
                   "(SELECT coalesce(max(number), 0)::bigint FROM outboard.migrations)"};

}  // namespace

Status PgReadiness::ready(Moment until) {
  if (!connection_ || connection_->broken()) {
    connection_.reset();
    auto opened = Connection::open(url_, until, {"application_name=outboard-readiness"});
    if (!opened) return opened.error();
    connection_ = *std::move(opened);
  }
  auto rows = connection_->run(kAsk, {}, until);
  if (!rows) return rows.error();
  if (rows->flag(0, 0)) {
    connection_.reset();  // the next one may find the primary
    return Error{Code::unavailable,
                 "the database is a standby and takes no writes: name the primary too, in a URL "
                 "with all hosts and target_session_attrs=read-write"};
  }
  if (rows->count(0, 1) > migrations_) {
    return Error{Code::unsupported, "the database's schema has migration " +
                                        std::to_string(rows->number(0, 1)) +
                                        ", this server knows " + std::to_string(migrations_) +
                                        ": a newer server has upgraded it; start that one here, "
                                        "too"};
  }
  return success();
}

}  // namespace outboard::server
