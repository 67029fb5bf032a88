#include "server/postgres/connection.h"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <sstream>

#include "core/check.h"
#include "core/limits.h"
#include "server/postgres/sqlstate.h"

namespace outboard::server {
namespace {

enum class Waited { ready, timed_out, failed };

int timeout_ms(Moment until) {
  if (until == Moment::max()) return -1;
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000));
}

// Waits for `events` on the socket, or for `wake_fd` (-1: none) to be readable.
Waited wait_socket(int fd, short events, int wake_fd, Moment until) {
  for (;;) {
    pollfd polled[2] = {{fd, events, 0}, {wake_fd, POLLIN, 0}};
    const int ready = ::poll(polled, wake_fd < 0 ? 1 : 2, timeout_ms(until));
    if (ready > 0) return Waited::ready;
    if (ready == 0 && (until == Moment::max() || std::chrono::steady_clock::now() < until))
      continue;
    if (ready == 0) return Waited::timed_out;
    if (errno != EINTR) return Waited::failed;
  }
}

Error cannot_connect(const std::string& why) {
  return Error{Code::unavailable, "the database cannot be reached: " + why +
                                      "; check that it runs and that its URL is right"};
}

void ignore_notice(void*, const PGresult*) {}

// The words of a URL, with one host of those that it names.
using Words = std::map<std::string, std::string>;

std::vector<std::string> listed(const std::string& text) {
  std::vector<std::string> items;
  std::stringstream rest(text);
  for (std::string item; std::getline(rest, item, ',');) items.push_back(item);
  return items;
}

// One for each host; none when the URL is not understood (libpq then says why).
std::vector<Words> hosts_of(const std::string& url) {
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
      PQconninfoParse(url.c_str(), nullptr), PQconninfoFree);
  Words all;
  for (auto* option = options.get(); option != nullptr && option->keyword != nullptr; ++option) {
    if (option->val != nullptr) all[option->keyword] = option->val;
  }
  std::vector<Words> each;
  for (const char* const list : {"host", "hostaddr", "port"}) {
    const std::vector<std::string> items = listed(all[list]);
    if (std::string_view(list) != "port" && items.size() > each.size()) {
      each.resize(items.size(), all);
    }
    for (std::size_t i = 0; i < each.size(); ++i) {
      each[i][list] = items.empty() ? "" : items[std::min(i, items.size() - 1)];
    }
  }
  return each;
}

pg_conn* start(const Words& words) {
  std::vector<const char*> names;
  std::vector<const char*> values;
  for (const auto& [name, value] : words) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  return PQconnectStartParams(names.data(), values.data(), 0);
}

}  // namespace

// Waits until libpq is through with its part.
Result<std::unique_ptr<Connection>> Connection::dial(pg_conn* begun, Moment deadline) {
  std::unique_ptr<Connection> opened(new Connection(begun));
  pg_conn* const connection = opened->connection_;
  if (connection == nullptr || PQstatus(connection) == CONNECTION_BAD) {
    return cannot_connect(connection == nullptr ? "no memory" : PQerrorMessage(connection));
  }
  for (auto state = PGRES_POLLING_WRITING; state != PGRES_POLLING_OK;
       state = PQconnectPoll(connection)) {
    if (state == PGRES_POLLING_FAILED) return cannot_connect(PQerrorMessage(connection));
    const short events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    if (wait_socket(PQsocket(connection), events, -1, deadline) != Waited::ready) {
      return Error{Code::timed_out, "the database did not accept a connection in time"};
    }
  }
  PQsetNoticeReceiver(connection, ignore_notice, nullptr);
  CHECK(PQsetnonblocking(connection, 1) == 0);
  return opened;
}

Result<std::unique_ptr<Connection>> Connection::open(const std::string& url, Moment deadline,
                                                     const std::vector<std::string>& settings) {
  const std::vector<Words> hosts = hosts_of(url);
  auto dialled = hosts.size() < 2 ? dial(PQconnectStart(url.c_str()), deadline)
                                  : Result<std::unique_ptr<Connection>>(cannot_connect("no host"));
  for (std::size_t i = 0; i < hosts.size() && hosts.size() > 1 && !dialled; ++i) {
    const Moment turn = std::min(deadline, std::chrono::steady_clock::now() + kHostWait);
    dialled = dial(start(hosts[i]), turn);
  }
  if (!dialled) return dialled.error();
  std::unique_ptr<Connection> opened = *std::move(dialled);
  std::string text =
      "SET client_encoding = 'UTF8'; SET search_path = outboard; "
      "SET bytea_output = 'hex'; SET timezone = 'UTC'";
  for (const auto& setting : settings) {
    const std::size_t equals = setting.find('=');
    text += "; SET " + setting.substr(0, equals) + " = '" + setting.substr(equals + 1) + "'";
  }
  if (auto set = opened->execute(text, deadline); !set) return set.error();
  return opened;
}

Connection::~Connection() {
  PQfinish(connection_);
}

bool Connection::transaction_failed() const {
  return PQtransactionStatus(connection_) == PQTRANS_INERROR;
}

Error Connection::lost() {
  broken_ = true;
  failure_ = Failure{std::string(kConnectionLost), 0};
  return Error{Code::unavailable, std::string("the connection to the database was lost: ") +
                                      PQerrorMessage(connection_) + "; trying again may help"};
}

Error Connection::timed_out() {
  broken_ = true;  // its answer may still come: nobody must take it for another's
  failure_ = Failure{std::string(kConnectionLost), 0};
  return Error{Code::timed_out, "the database did not answer before the deadline"};
}

Error Connection::failed(const pg_result* result, std::size_t index) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char* message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  if (state == nullptr) return lost();
  if (failure_.state.empty()) failure_ = Failure{state, index};
  const std::string_view kind(state);
  // The backend is gone, or is a standby's: another connection may find the primary.
  if (kind.starts_with("57P") || kind.starts_with("08") || kind == kReadOnly) broken_ = true;
  return from_sqlstate(state, message == nullptr ? PQresultErrorMessage(result) : message);
}

Status Connection::await_result(Moment deadline) {
  for (;;) {
    const int flushed = PQflush(connection_);
    if (flushed < 0) return lost();
    if (flushed == 0 && PQisBusy(connection_) == 0) return success();
    const short events = static_cast<short>(flushed > 0 ? POLLIN | POLLOUT : POLLIN);
    const Waited waited = wait_socket(PQsocket(connection_), events, -1, deadline);
    if (waited == Waited::timed_out) return timed_out();
    if (waited == Waited::failed || PQconsumeInput(connection_) == 0) return lost();
  }
}

Status Connection::send(const std::vector<Request>& requests, std::vector<bool>& prepares) {
  std::set<std::string_view> coming;
  for (const auto& [sql, params] : requests) {
    const bool prepare = !prepared_.contains(sql.name) && coming.insert(sql.name).second;
    prepares.push_back(prepare);
    const std::string name(sql.name);
    if (prepare &&
        PQsendPrepare(connection_, name.c_str(), std::string(sql.text).c_str(), 0, nullptr) == 0) {
      return lost();
    }
    std::vector<const char*> values(params.size());
    std::vector<int> lengths(params.size());
    const std::vector<int> formats(params.size(), 1);
    for (std::size_t i = 0; i < params.size(); ++i) {
      values[i] = params.data(i);
      lengths[i] = static_cast<int>(params.length(i));
    }
    if (PQsendQueryPrepared(connection_, name.c_str(), static_cast<int>(params.size()),
                            values.data(), lengths.data(), formats.data(), 1) == 0) {
      return lost();
    }
  }
  return PQpipelineSync(connection_) == 1 ? success() : Status(lost());
}

// One command's result and the null that ends it.
Result<Rows> Connection::take(std::size_t index, Moment deadline) {
  if (auto ready = await_result(deadline); !ready) return ready.error();
  pg_result* const result = PQgetResult(connection_);
  if (result == nullptr) return lost();
  Rows rows(result);
  if (auto ready = await_result(deadline); !ready) return ready.error();
  PQclear(PQgetResult(connection_));
  switch (PQresultStatus(result)) {
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK: return rows;
    case PGRES_PIPELINE_ABORTED:
      return Error{Code::unavailable, "an earlier statement of the same round trip failed"};
    case PGRES_EMPTY_QUERY:
    case PGRES_COPY_OUT:
    case PGRES_COPY_IN:
    case PGRES_BAD_RESPONSE:
    case PGRES_NONFATAL_ERROR:
    case PGRES_FATAL_ERROR:
    case PGRES_COPY_BOTH:
    case PGRES_SINGLE_TUPLE:
    case PGRES_PIPELINE_SYNC: break;
  }
  return failed(result, index);
}

Status Connection::take_prepared(std::size_t index, const Sql& sql, Moment deadline) {
  auto answer = take(index, deadline);
  if (!answer) return answer.error();
  prepared_.insert(sql.name);
  return success();
}

Status Connection::finish_pipeline(Moment deadline) {
  for (;;) {
    if (auto ready = await_result(deadline); !ready) return ready.error();
    pg_result* const result = PQgetResult(connection_);
    if (result == nullptr) return lost();
    const bool synced = PQresultStatus(result) == PGRES_PIPELINE_SYNC;
    PQclear(result);
    if (!synced) continue;
    return PQexitPipelineMode(connection_) == 1 ? success() : Status(lost());
  }
}

Status Connection::each(const std::vector<Request>& requests, Moment deadline,
                        const std::function<void(std::size_t index, Rows)>& take_answer) {
  failure_ = {};
  if (broken_) return lost();
  if (PQenterPipelineMode(connection_) == 0) return lost();
  std::vector<bool> prepares;
  prepares.reserve(requests.size());
  if (auto sent = send(requests, prepares); !sent) return sent;
  std::optional<Error> first;
  for (std::size_t i = 0; i < requests.size() && !broken_; ++i) {
    if (prepares[i]) {
      auto prepared = take_prepared(i, requests[i].sql, deadline);
      if (!prepared && !first) first = prepared.error();
      if (broken_) break;
    }
    auto answer = take(i, deadline);
    if (!answer && !first) first = answer.error();
    if (answer) take_answer(i, *std::move(answer));
  }
  if (broken_) return first ? *first : lost();
  if (auto finished = finish_pipeline(deadline); !finished) return finished;
  if (first) return *first;
  return success();
}

Result<std::vector<Rows>> Connection::run(const std::vector<Request>& requests, Moment deadline) {
  std::vector<Rows> answers;
  auto done =
      each(requests, deadline, [&](std::size_t, Rows rows) { answers.push_back(std::move(rows)); });
  if (!done) return done.error();
  return answers;
}

Result<Rows> Connection::run(const Sql& sql, const Params& params, Moment deadline) {
  auto answers = run({Request{sql, params}}, deadline);
  if (!answers) return answers.error();
  return std::move(answers->front());
}

Status Connection::execute(const std::string& text, Moment deadline) {
  failure_ = {};
  if (broken_ || PQsendQuery(connection_, text.c_str()) == 0) return lost();
  std::optional<Error> first;
  for (;;) {
    if (auto ready = await_result(deadline); !ready) return ready.error();
    pg_result* const result = PQgetResult(connection_);
    if (result == nullptr) break;
    const auto status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY &&
        !first) {
      first = failed(result, 0);
    }
    PQclear(result);
  }
  if (first) return *first;
  return success();
}

Result<std::vector<std::string>> Connection::notifications(int wake_fd, Moment until) {
  if (broken_) return lost();
  if (PQconsumeInput(connection_) == 0) return lost();
  std::vector<std::string> payloads;
  const auto collect = [&] {
    while (PGnotify* note = PQnotifies(connection_)) {
      payloads.emplace_back(note->extra);
      PQfreemem(note);
    }
  };
  collect();
  if (!payloads.empty()) return payloads;
  const Waited waited = wait_socket(PQsocket(connection_), POLLIN, wake_fd, until);
  if (waited == Waited::failed || PQconsumeInput(connection_) == 0) return lost();
  collect();
  return payloads;
}

}  // namespace outboard::server
