// Freshness: how long until another client has in its hands what was written here, over gRPC or in
// SQL; and how long SQL takes to edit many files at once.
#pragma once

#include <memory>
#include <vector>

#include "bench/site.h"

namespace outboard::bench {

class Freshness {
 public:
  explicit Freshness(Site& site);
  ~Freshness();
  Freshness(const Freshness&) = delete;
  Freshness& operator=(const Freshness&) = delete;

  // Milliseconds of `count` writes, each alone: from the call (over gRPC), or from the statement
  // (UPDATE memory_files), to the change in the other client's sink. COMMIT lies in between.
  std::vector<double> by_grpc(std::size_t count);
  std::vector<double> by_sql(std::size_t count);

 private:
  class Watcher;

  VolumeId volume_;
  std::unique_ptr<client::GrpcStore> writer_, reader_;
  std::unique_ptr<server::Connection> sql_;
  std::shared_ptr<Watcher> watcher_;
  std::unique_ptr<Subscription> subscription_;
};

// UPDATEs of `files` files in one statement, with history: seconds each.
class SqlEdit {
 public:
  SqlEdit(Site& site, std::size_t files);
  double seconds();

 private:
  std::unique_ptr<server::Connection> sql_;
  const std::size_t files_;
  int round_ = 0;
};

}  // namespace outboard::bench
