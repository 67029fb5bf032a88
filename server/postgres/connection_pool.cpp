#include "server/postgres/connection_pool.h"

namespace outboard::server {

Result<ConnectionPool::Borrowed> ConnectionPool::borrow(Moment deadline) {
  std::unique_ptr<Connection> connection;
  {
    Lock lock(mutex_);
    while (in_use_ >= max_) {
      if (!freed_.wait_until(mutex_, deadline) && in_use_ >= max_) {
        return Error{Code::timed_out,
                     "all " + std::to_string(max_) +
                         " database connections for reads were in use until the deadline"};
      }
    }
    ++in_use_;
    if (!idle_.empty()) {
      connection = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (!connection) {
    auto opened = Connection::open(url_, deadline, settings_);
    if (!opened) {
      give_back(nullptr);
      return opened.error();
    }
    connection = *std::move(opened);
  }
  return Borrowed(*this, std::move(connection));
}

void ConnectionPool::give_back(std::unique_ptr<Connection> connection) {
  {
    Lock lock(mutex_);
    --in_use_;
    if (connection && !connection->broken()) idle_.push_back(std::move(connection));
  }
  freed_.notify_one();
}

Result<Rows> ConnectionPool::run(const Sql& sql, const Params& params, Moment deadline) {
  for (int attempt = 0;; ++attempt) {
    auto borrowed = borrow(deadline);
    if (!borrowed) return borrowed.error();
    auto rows = (*borrowed)->run(sql, params, deadline);
    if (rows || !(*borrowed)->broken() || rows.error().code == Code::timed_out || attempt > 0) {
      return rows;
    }
    Lock lock(mutex_);
    idle_.clear();  // what broke one connection has most likely broken all
  }
}

void ConnectionPool::measure(Figures& to, std::string_view name) {
  std::size_t used = 0;
  std::size_t idle = 0;
  {
    Lock lock(mutex_);
    used = in_use_;
    idle = idle_.size();
  }
  const Labels labels{{"pool", std::string(name)}};
  to.level("outboard_pool_in_use", "Database connections that somebody works with.",
           static_cast<double>(used), labels);
  to.level("outboard_pool_idle", "Database connections that are open and free.",
           static_cast<double>(idle), labels);
  to.level("outboard_pool_max", "Database connections that may be in use at once.",
           static_cast<double>(max_), labels);
}

}  // namespace outboard::server
