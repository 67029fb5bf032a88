// TestPostgres: a private Postgres for one test program, on a unix socket in a temporary directory.
//
// initdb once (0.4 s), then every test takes a fresh_database() of its own (tens of ms), or a copy
// of one that was prepared. fsync is off: nothing here outlives the program. Started as root it
// runs as the user `postgres`. It ends with the program, also when that is killed.
//
//   TestPostgres& postgres = TestPostgres::shared();
//   auto database = Database::open({.url = postgres.fresh_database()});
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/temp_directory.h"

namespace outboard::tests {

class TestPostgres {
 public:
  // The program's own, started at first use from the main thread. Aborts when there is none to run.
  static TestPostgres& shared();

  // `settings`: "name=value" of postgresql.conf, beside those for tests.
  explicit TestPostgres(const std::vector<std::string>& settings = {});
  TestPostgres(const TestPostgres&) = delete;
  TestPostgres& operator=(const TestPostgres&) = delete;

  // libpq URL of the database `postgres`, as the superuser `postgres`.
  std::string url() const { return url_of("postgres"); }
  // URL of a new, empty database.
  std::string fresh_database();
  // URL of a new database with what the one of `url`, to which nobody is connected, holds.
  std::string copy_of(const std::string& url);
  // Runs SQL with psql, in the database of `url`; true when it succeeded.
  bool execute(const std::string& url, const std::string& sql) const;

  const std::string& log_file() const { return log_; }
  // For tests of what happens when it is stopped, frozen or killed.
  ChildProcess& process() { return *postmaster_; }
  void start();

 private:
  std::string url_of(const std::string& database) const;
  std::string create_database(const std::string& from);

  TempDirectory home_;
  const std::string bin_;
  const std::string log_;
  const std::vector<std::string> settings_;
  int databases_ = 0;
  std::unique_ptr<ChildProcess> postmaster_;
};

}  // namespace outboard::tests
