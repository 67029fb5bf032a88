// Site: a server with a Postgres of its own, as a deployment has it, for as long as a measurement
// lasts; and who may write there.
//
// Postgres lies under `directory`: what a commit costs is the price of that directory's disk, or of
// a slower one (`fsync_us` more for each fsync). Everything durable is on, or the site ends the
// program: fsync, synchronous_commit, full_page_writes.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <string>

#include "client/grpc_admin.h"
#include "client/grpc_store.h"
#include "server/child_process.h"
#include "server/postgres/connection.h"
#include "tests/support/child_process.h"

namespace outboard::bench {

inline Moment in(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

[[noreturn]] void fail_with(const Error& error);

// The value, or the end of the program with the reason.
template <class T>
T must(Result<T> result) {
  if (!result) fail_with(result.error());
  return *std::move(result);
}
void must(const Status& status);

class Site {
 public:
  // fsync_us 0: the embedded mode. Else the same Postgres, started here with a slower disk.
  Site(const std::string& directory, int fsync_us);
  ~Site();
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;

  const std::string& address() const { return address_; }
  const std::string& tcp_address() const { return tcp_address_; }
  const std::string& url() const { return url_; }
  const std::string& token() const { return token_; }
  pid_t server() const { return server_->pid(); }

  // A volume of acme with quotas.
  VolumeId volume(const std::string& name);
  std::unique_ptr<client::GrpcStore> connect() const;
  std::unique_ptr<server::Connection> sql() const;
  // What was measured on: cores, Postgres and its settings, build.
  std::string settings() const;

 private:
  void start_postgres(int fsync_us);
  void start_server(const std::string& database);
  void check_durable() const;

  const std::string home_;
  std::string address_, tcp_address_, url_, token_;
  std::unique_ptr<server::ChildProcess> postgres_;
  std::unique_ptr<tests::ChildProcess> server_;
  std::unique_ptr<client::GrpcAdmin> admin_;
};

}  // namespace outboard::bench
