// The other sides of the comparison: the same 1 KiB writes without this server, by libpq from
// threads of this process.
//
//  - rows: the rows that the server writes for them (version, change, node, the volume's row under
//    its lock), in transactions of `batch` writes. One connection with 128 is the best that a
//    program could do by hand; 64 connections with 1 are what it would do first.
//  - view: UPDATE outboard.memory_files, a transaction each.
//  - upserts: pgbench's: a table of its own, no history, no order, no feed. The floor.
#pragma once

#include <memory>
#include <vector>

#include "bench/site.h"

namespace outboard::bench {

enum class Side { rows, view, upserts };

using Sessions = std::vector<std::unique_ptr<server::Connection>>;
Sessions sessions_with(const Site& site, std::size_t count);

class SqlWriters {
 public:
  // A writer for each of `sessions`, which the sides share: they do not run at once. Their files
  // are made here, in a new volume `name`.
  SqlWriters(Site& site, Side side, const std::string& name, const Sessions& sessions,
             std::size_t batch);
  ~SqlWriters();
  SqlWriters(const SqlWriters&) = delete;
  SqlWriters& operator=(const SqlWriters&) = delete;

  // Writes a second, committed.
  double write_for(std::chrono::milliseconds time);

 private:
  class Writer;
  std::vector<std::unique_ptr<Writer>> writers_;
};

}  // namespace outboard::bench
