#include "bench/store/trees.h"

#include "core/check.h"

namespace outboard::bench {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::minutes kWait{5};
constexpr std::size_t kDirectory = 100;
constexpr std::size_t kSteps = 1'000;

// `files` files of `bytes` each in directories of 100, made in batches.
void fill(client::GrpcStore& store, VolumeId volume, std::size_t files, std::size_t bytes) {
  Batch batch;
  for (std::size_t i = 0; i < files; ++i) {
    Publish publish;
    publish.at = NameRef{"/" + std::to_string(i / kDirectory), std::to_string(i)};
    publish.parents = true;
    publish.bytes = std::string(bytes, static_cast<char>('a' + i % 26));
    batch.steps.push_back(Step{std::move(publish), {}});
    if (batch.steps.size() < kSteps && i + 1 < files) continue;
    must(store.apply(Call::until(in(kWait)), volume, batch));
    batch.steps.clear();
  }
}

}  // namespace

Trees::Trees(Site& site, std::size_t nodes, std::uint64_t bodies_bytes)
    : store_(site.connect()),
      names_(site.volume("names")),
      bodies_(site.volume("bodies")),
      nodes_(nodes),
      bodies_bytes_(bodies_bytes) {
  // One in 101 is a directory.
  fill(*store_, names_, nodes_ - nodes_ / (kDirectory + 1), 1);
  fill(*store_, bodies_, bodies_bytes_ / kSnapshotBodyBytesMax, kSnapshotBodyBytesMax);
}

void Trees::change() {
  fill(*store_, names_, 1, 1);
}

double Trees::names_ms() {
  std::size_t seen = 0;
  SnapshotQuery query;
  query.bodies_bytes_max = 0;
  const Moment start = steady_clock::now();
  must(store_->snapshot(Call::until(in(kWait)), names_, query,
                        [&](SnapshotPart part) { seen += part.entries.size(); }));
  const Moment end = steady_clock::now();
  CHECK(seen >= nodes_);
  return std::chrono::duration<double, std::milli>(end - start).count();
}

double Trees::bodies_mb_per_second() {
  std::uint64_t bytes = 0;
  SnapshotQuery query;
  query.bodies_bytes_max = bodies_bytes_;
  const Moment start = steady_clock::now();
  must(store_->snapshot(Call::until(in(kWait)), bodies_, query, [&](SnapshotPart part) {
    for (const auto& [key, body] : part.bodies) bytes += body.size();
  }));
  const std::chrono::duration<double> took = steady_clock::now() - start;
  CHECK(bytes + kSnapshotBodyBytesMax > bodies_bytes_);
  return static_cast<double>(bytes) / 1e6 / took.count();
}

}  // namespace outboard::bench
