#include "server/postgres/collector.h"

#include <pthread.h>

#include "core/limits.h"
#include "core/log.h"

namespace outboard::server {
namespace {

constexpr Sql kStep{"collect_step",
                    "SELECT versions, bytes, changes, pruned, more, busy FROM "
                    "outboard.collect_step($1::bigint, $2::bigint, $3::bigint)"};
constexpr Sql kVolumes{
    "collect_volumes",
    "SELECT id FROM volumes WHERE retention_versions IS NOT NULL "
    "OR retention_seconds IS NOT NULL OR retention_bytes IS NOT NULL ORDER BY id"};

// Of removed files whose names were ignored: versions nobody asks for after kRetentionAgeMin.
constexpr Sql kPassing{"collect_passing",
                       "SELECT outboard.drop_passing(outboard.nanoseconds() - $1::bigint * "
                       "1000000000, $2::bigint)"};

struct Taken {
  Collected sum;
  bool more = false;
};

// One step on top of what `sum` has; unavailable when another server is at it.
Result<Taken> step(ConnectionPool& pool, VolumeId volume, Collected sum, Moment deadline) {
  const auto params = Params()
                          .int8(volume.value)
                          .int8(static_cast<std::uint64_t>(kCollectRowsMax))
                          .int8(std::int64_t{kRetentionAgeMin.count()});
  auto rows = pool.run(kStep, params, deadline);
  if (!rows) return rows.error();
  if (rows->flag(0, 5)) {
    return Error{Code::unavailable,
                 "another server is collecting this volume: it will do all there is",
                 to_string(volume)};
  }
  sum.versions += rows->count(0, 0);
  sum.bytes += rows->count(0, 1);
  sum.changes += rows->count(0, 2);
  sum.pruned = Seq{rows->count(0, 3)};
  return Taken{std::move(sum), rows->flag(0, 4)};
}

}  // namespace

Collector::Collector(ConnectionPool& pool, std::chrono::milliseconds every)
    : pool_(pool), every_(every), thread_([this] { run(); }) {}

Collector::~Collector() {
  {
    const Lock lock(mutex_);
    stopping_ = true;
    woken_.notify_all();
  }
  thread_.join();
}

bool Collector::stopping() {
  const Lock lock(mutex_);
  return stopping_;
}

Result<Collected> Collector::collect(ConnectionPool& pool, VolumeId volume, Moment deadline) {
  Taken taken{{}, true};
  while (taken.more) {
    auto done = step(pool, volume, std::move(taken.sum), deadline);
    if (!done) return done.error();
    taken = *std::move(done);
  }
  return std::move(taken.sum);
}

void Collector::drop_passing() {
  const auto params = Params()
                          .int8(std::int64_t{kRetentionAgeMin.count()})
                          .int8(static_cast<std::uint64_t>(kCollectRowsMax));
  for (bool more = true; more && !stopping();) {
    auto rows = pool_.run(kPassing, params, std::chrono::steady_clock::now() + kReadStatementMax);
    more = rows && rows->count(0, 0) == kCollectRowsMax;
  }
}

void Collector::round() {
  drop_passing();
  auto volumes = pool_.run(kVolumes, {}, std::chrono::steady_clock::now() + kReadDeadline);
  if (!volumes) return;
  for (std::size_t row = 0; row < volumes->size(); ++row) {
    const VolumeId volume{volumes->count(row, 0)};
    Taken taken{{}, true};
    while (taken.more && !stopping()) {
      auto done = step(pool_, volume, std::move(taken.sum),
                       std::chrono::steady_clock::now() + kReadStatementMax);
      if (!done) {
        if (done.error().code == Code::unavailable) break;
        log(Severity::warning, "collecting a volume failed; tried again later",
            {{"volume", to_string(volume)}, {"error", done.error().message}});
        break;
      }
      taken = *std::move(done);
    }
    if (taken.sum.versions + taken.sum.changes == 0) continue;
    log(Severity::info, "collected what retention lets go",
        {{"volume", to_string(volume)},
         {"versions", std::to_string(taken.sum.versions)},
         {"bytes", std::to_string(taken.sum.bytes)},
         {"changes", std::to_string(taken.sum.changes)}});
  }
}

void Collector::run() {
  pthread_setname_np(pthread_self(), "collector");
  const auto pause = [this] {
    const Moment until = std::chrono::steady_clock::now() + every_;
    const Lock lock(mutex_);
    while (!stopping_ && woken_.wait_until(mutex_, until)) {
    }
    return !stopping_;
  };
  while (pause()) round();
}

}  // namespace outboard::server
