// Embedded: a private Postgres as a supervised child, for a server that was given no --database.
//
// main.cpp starts it first and drops it last; the rest of the server sees only its URL. One thread
// of its own ("postgres") starts the child, turns its output into log lines, starts it again when
// it dies, and stops it. Ready is an event: Postgres writes its status into postmaster.pid, and the
// directory is watched for it.
//
// What always holds: one server per data directory (a lock that ends with the process); no TCP; a
// killed server takes its Postgres with it (PR_SET_PDEATHSIG), and the next one waits for its end;
// fsync is on. As root, Postgres runs as the user `outboard`, or `postgres` where there is none:
// it refuses to run as root, and what it could do wrong stays within that user's files.
//
// How long a start takes is the disk's affair: a first one writes 40 MB and waits until they are
// there, and one after a crash replays the log.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "core/clock.h"
#include "core/counters.h"
#include "core/result.h"

namespace outboard::server {

struct EmbeddedConfig {
  std::string data_dir;       // made when missing; an absolute path, or from the current directory
  std::string run_as_user{};  // only as root; empty: `outboard`, else `postgres`
};

class Embedded {
 public:
  // Answers when connections are taken. unavailable: no Postgres installed, the directory is in
  // use, closed to its user or cannot be written; the message says the way out.
  static Result<std::unique_ptr<Embedded>> start(const EmbeddedConfig& config);

  // Stops Postgres: open transactions are rolled back, everything committed is on disk.
  ~Embedded();
  Embedded(const Embedded&) = delete;
  Embedded& operator=(const Embedded&) = delete;

  // As libpq takes it; also the line in data_dir/url. Stays the same for this object's life, over
  // restarts of the child.
  std::string url() const;

  // The process that takes connections, once one other than `other_than` does. timed_out: none.
  // Good for any thread.
  Result<pid_t> ready(Moment until, pid_t other_than = 0);

  // Whether it runs, and how often it had to be started again. Good for any thread.
  void measure(Figures& to) const;

 private:
  struct Parts;
  explicit Embedded(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace outboard::server
