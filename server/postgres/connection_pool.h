// ConnectionPool: a bounded number of connections for reads, handed out one caller each.
//
// Connections are opened when first needed and replaced when broken. Any thread may borrow; who
// finds none free waits until its deadline.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "core/counters.h"
#include "core/guarded.h"
#include "server/postgres/connection.h"

namespace outboard::server {

class ConnectionPool {
 public:
  ConnectionPool(std::string url, std::size_t connections_max, std::vector<std::string> settings)
      : url_(std::move(url)), max_(connections_max), settings_(std::move(settings)) {}
  ConnectionPool(const ConnectionPool&) = delete;
  ConnectionPool& operator=(const ConnectionPool&) = delete;

  // One connection, given back by the destructor.
  class Borrowed {
   public:
    Borrowed(ConnectionPool& pool, std::unique_ptr<Connection> connection)
        : pool_(&pool), connection_(std::move(connection)) {}
    Borrowed(Borrowed&& other) noexcept = default;
    Borrowed& operator=(Borrowed&&) = delete;
    ~Borrowed() {
      if (connection_) pool_->give_back(std::move(connection_));
    }
    Connection* operator->() { return connection_.get(); }
    Connection& operator*() { return *connection_; }

   private:
    ConnectionPool* pool_;
    std::unique_ptr<Connection> connection_;
  };

  // unavailable: Postgres cannot be reached. timed_out: all were in use until the deadline.
  Result<Borrowed> borrow(Moment deadline);

  // One statement on any connection. A connection that had broken while idle is replaced once.
  Result<Rows> run(const Sql& sql, const Params& params, Moment deadline);

  // Connections in use, under the label pool=`name`.
  void measure(Figures& to, std::string_view name);

 private:
  void give_back(std::unique_ptr<Connection> connection);

  const std::string url_;
  const std::size_t max_;
  const std::vector<std::string> settings_;
  Mutex mutex_;
  Condition freed_;
  std::vector<std::unique_ptr<Connection>> idle_ GUARDED_BY(mutex_);
  std::size_t in_use_ GUARDED_BY(mutex_) = 0;
};

}  // namespace outboard::server
