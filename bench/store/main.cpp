// bench_store: the store's figures (issue's section "Figures"), side by side.
//
// Each round runs every side once, one after the other, so that what else the machine does falls on
// all of them; a figure is the median of its rounds, a ratio the median of the rounds' ratios.
#include <iostream>
#include <utility>
#include <vector>

#include "bench/figures.h"
#include "bench/parts.h"
#include "bench/store/freshness.h"
#include "bench/store/sql_sides.h"
#include "bench/store/trees.h"
#include "bench/store/watchers.h"
#include "bench/store/writers.h"
#include "proto/grpc_life.h"

namespace outboard::bench {
namespace {

void durable_writes(const Options& options, Figures& figures) {
  Site site(options.directory, 0);
  std::cout << site.settings() << "\n" << load_average() << "\n" << std::flush;
  Writers many(site, {site.volume("many")}, 8, 32);
  std::vector<VolumeId> volumes;
  for (int i = 0; i < 32; ++i) volumes.push_back(site.volume("of" + std::to_string(i)));
  Writers spread(site, volumes, 8, 32);
  Writers one(site, {site.volume("one")}, 1, 1);
  const Sessions session = sessions_with(site, 1);
  const Sessions sessions = sessions_with(site, 64);
  SqlWriters batches(site, Side::rows, "batches", session, 128);
  SqlWriters singles(site, Side::rows, "singles", sessions, 1);
  SqlWriters view(site, Side::view, "memory", sessions, 1);
  SqlWriters upserts(site, Side::upserts, "", sessions, 1);
  many.write_for(options.time);
  for (int round = 0; round < options.rounds; ++round) {
    const Load load = many.write_for(options.time);
    const double by_hand = batches.write_for(options.time);
    const double by_one = singles.write_for(options.time);
    const double by_view = view.write_for(options.time);
    const double floor = upserts.write_for(options.time);
    const Load on_many = spread.write_for(options.time);
    const Load alone = one.write_for(options.time);
    figures.add("writes over gRPC, 256 writers, /s", load.per_second);
    figures.add("writes over gRPC, 256 writers, p50 ms", load.p50_ms);
    figures.add("writes over gRPC, 256 writers, p99 ms", load.p99_ms);
    figures.add("writes over gRPC, 256 writers on 32 volumes, /s", on_many.per_second);
    figures.add("raw libpq, the same rows, 128 a transaction, 1 writer, /s", by_hand);
    figures.add("raw libpq, the same rows, 1 a transaction, 64 writers, /s", by_one);
    figures.add("UPDATE memory_files, 1 a transaction, 64 writers, /s", by_view);
    figures.add("pgbench's upserts, 1 a transaction, 64 writers, /s", floor);
    figures.add("one write alone over gRPC, p99 ms", alone.p99_ms);
    figures.add("P1", load.per_second);
    figures.add("P2", load.per_second / by_one);
    figures.add("P3", load.per_second / by_hand);
    figures.add("P4", alone.p50_ms);
    std::cout << "round " << round + 1 << ": " << load.per_second << " " << load.p50_ms << " "
              << by_hand << " " << by_one << " " << by_view << " " << floor << " "
              << on_many.per_second << " " << alone.p50_ms << " load " << load_average() << "\n"
              << std::flush;
  }
}

// A disk of one millisecond: what a group of many is worth there.
void slow_disk(const Options& options, Figures& figures) {
  constexpr int kMillisecond = 1'000;
  Site site(options.memory, kMillisecond);
  Writers many(site, {site.volume("many")}, 8, 32);
  const Sessions sessions = sessions_with(site, 64);
  SqlWriters singles(site, Side::rows, "singles", sessions, 1);
  many.write_for(options.time);
  for (int round = 0; round < options.rounds; ++round) {
    const double load = many.write_for(options.time).per_second;
    const double by_one = singles.write_for(options.time);
    figures.add("1 ms fsync: writes over gRPC, 256 writers, /s", load);
    figures.add("1 ms fsync: raw libpq, 1 a transaction, 64 writers, /s", by_one);
    figures.add("P5", load / by_one);
  }
}

// Where a commit costs no disk: what the rest costs.
void without_disk(const Options& options, Figures& figures) {
  constexpr std::size_t kWrites = 500;
  Site site(options.memory, 0);
  Writers one(site, {site.volume("one")}, 1, 1);
  Freshness freshness(site);
  SqlEdit edit(site, 10'000);
  for (int round = 0; round < options.rounds; ++round) {
    const auto by_grpc = freshness.by_grpc(kWrites);
    const auto by_sql = freshness.by_sql(kWrites);
    figures.add("in memory: one write alone over gRPC, p50 ms", one.write_for(options.time).p50_ms);
    figures.add("P6", quantile(by_grpc, 0.5));
    figures.add("P7", quantile(by_grpc, 0.99));
    figures.add("P8", quantile(by_sql, 0.5));
    figures.add("P9", edit.seconds());
  }
}

void whole_trees(const Options& options, Figures& figures) {
  Site site(options.memory, 0);
  Trees trees(site, 10'000, 100'000'000);
  for (int round = 0; round < options.rounds; ++round) {
    trees.change();
    figures.add("a snapshot of 10,000 nodes, the first after a change, ms", trees.names_ms());
  }
  for (int round = 0; round < options.rounds; ++round) {
    figures.add("P10", trees.names_ms());
    figures.add("P11", trees.bodies_mb_per_second());
  }
}

void idle_watchers(const Options& options, Figures& figures) {
  constexpr std::size_t kWatchers = 5'000;
  for (int round = 0; round < options.rounds; ++round) {
    Site site(options.memory, 0);
    figures.add("P12", watcher_kb(site, site.volume("quiet"), kWatchers));
  }
}

}  // namespace
}  // namespace outboard::bench

int main(int argc, char** argv) {
  using namespace outboard::bench;
  std::vector<std::string> words(argv + 1, argv + argc);
  const std::string part = words.empty() ? "" : words.front();
  if (part == "writers") {
    outboard::wire::fit_grpc_to_client();
    return write_as_told({words.begin() + 1, words.end()});
  }
  if (part == "watchers") return watch_as_told({words.begin() + 1, words.end()});
  return run_parts(5, words,
                   {{"writes", durable_writes},
                    {"slow", slow_disk},
                    {"latency", without_disk},
                    {"trees", whole_trees},
                    {"watchers", idle_watchers}});
}
