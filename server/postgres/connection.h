// Connection: one session with Postgres. Every wait in it ends at a deadline.
//
// Statements are prepared on first use and answer in binary. Several are sent in one round trip
// (libpq's pipeline); the first that fails makes the rest fail, and run() tells its index. A
// connection whose deadline passed in mid-answer is broken and is replaced, never reused.
// Used by one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "server/postgres/params.h"
#include "server/postgres/rows.h"

struct pg_conn;

namespace outboard::server {

// A statement under the name it is prepared as. Static storage: the views are kept.
struct Sql {
  std::string_view name;
  std::string_view text;
};

struct Request {
  Sql sql;
  Params params;
};

// Why the last run() failed, for those who act on it.
struct Failure {
  std::string state;      // SQLSTATE; empty: not from Postgres
  std::size_t index = 0;  // of the request
};

class Connection {
 public:
  // `settings` are SET for the session: "plan_cache_mode=force_generic_plan". Of several hosts in
  // the URL each has its turn, at most 3 s: one that hangs is passed over like one that is
  // gone.
  static Result<std::unique_ptr<Connection>> open(const std::string& url, Moment deadline,
                                                  const std::vector<std::string>& settings = {});
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Result<std::vector<Rows>> run(const std::vector<Request>& requests, Moment deadline);
  Result<Rows> run(const Sql& sql, const Params& params, Moment deadline);
  // As run(), but each answer goes to `take` while Postgres works on the next. What was taken
  // before a failure stays taken. `take` must not use this connection.
  Status each(const std::vector<Request>& requests, Moment deadline,
              const std::function<void(std::size_t index, Rows)>& take);
  // Statements as plain text, several with ";" between them; for migrations.
  Status execute(const std::string& text, Moment deadline);

  // Waits until a notification has come, `until` has passed or `wake_fd` is readable; the
  // payloads that came. unavailable: the connection is lost.
  Result<std::vector<std::string>> notifications(int wake_fd, Moment until);

  bool broken() const { return broken_; }
  // A statement of the open transaction has failed: nothing but ROLLBACK will do.
  bool transaction_failed() const;
  const Failure& failure() const { return failure_; }

 private:
  explicit Connection(pg_conn* owned) : connection_(owned) {}
  static Result<std::unique_ptr<Connection>> dial(pg_conn* begun, Moment deadline);
  Status send(const std::vector<Request>& requests, std::vector<bool>& prepares);
  Status await_result(Moment deadline);
  Result<Rows> take(std::size_t index, Moment deadline);
  Status take_prepared(std::size_t index, const Sql& sql, Moment deadline);
  Status finish_pipeline(Moment deadline);
  Error lost();
  Error timed_out();
  Error failed(const struct pg_result* result, std::size_t index);

  pg_conn* connection_;
  std::set<std::string_view> prepared_;
  Failure failure_;
  bool broken_ = false;
};

}  // namespace outboard::server
