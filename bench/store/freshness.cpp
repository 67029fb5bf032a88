#include "bench/store/freshness.h"

#include "bench/store/writers.h"
#include "core/check.h"
#include "core/guarded.h"

namespace outboard::bench {
namespace {

using server::Params;
using server::Sql;
using std::chrono::steady_clock;

constexpr std::chrono::seconds kWait{60};
constexpr std::chrono::minutes kLongWait{5};

constexpr Sql kMake{"bench_make_fresh",
                    "INSERT INTO memory_files (org, volume, path, content) "
                    "VALUES ('acme', '~ada/memory', '/fresh', 'a')"};
constexpr Sql kEdit{"bench_edit_fresh",
                    "UPDATE memory_files SET content = $1::text "
                    "WHERE org = 'acme' AND volume = '~ada/memory' AND path = '/fresh'"};
constexpr Sql kMakeMany{"bench_make_many",
                        "INSERT INTO skill_files (org, volume, path, content) "
                        "SELECT 'acme', '~ada/skills', '/notes/' || n, 'a' "
                        "FROM generate_series(1, $1::bigint) AS n"};
constexpr Sql kEditMany{"bench_edit_many",
                        "UPDATE skill_files SET content = $1::text || path "
                        "WHERE org = 'acme' AND volume = '~ada/skills'"};

double ms_since(Moment start, Moment end) {
  return std::chrono::duration<double, std::milli>(end - start).count();
}

}  // namespace

// Notes when each seq came.
class Freshness::Watcher final : public FeedSink {
 public:
  bool offer(const std::shared_ptr<const FeedItem>& item) override {
    const Moment now = steady_clock::now();
    Lock lock(mutex_);
    if (item->changes.empty()) return true;
    upto_ = item->upto;
    at_ = now;
    came_.notify_all();
    return true;
  }
  // When the change behind `after` came: nobody else writes.
  Moment await(Seq after) {
    Lock lock(mutex_);
    while (upto_ <= after) CHECK(came_.wait_until(mutex_, in(kWait)));
    return at_;
  }
  Seq upto() {
    Lock lock(mutex_);
    return upto_;
  }

 private:
  Mutex mutex_;
  Condition came_;
  Seq upto_ GUARDED_BY(mutex_);
  Moment at_ GUARDED_BY(mutex_);
};

Freshness::Freshness(Site& site)
    : volume_(site.volume("~ada/memory")),
      writer_(site.connect()),
      reader_(site.connect()),
      sql_(site.sql()),
      watcher_(std::make_shared<Watcher>()) {
  subscription_ = must(reader_->subscribe(Call::until(in(kWait)), volume_, Seq{}, watcher_));
  must(sql_->run(kMake, {}, in(kWait)));
  watcher_->await(Seq{});
}

Freshness::~Freshness() = default;

std::vector<double> Freshness::by_grpc(std::size_t count) {
  std::vector<double> took;
  while (took.size() < count) {
    Publish publish;
    publish.at = NameRef{std::string("/"), "fresh"};
    publish.bytes = std::string(kPayloadBytes, 'a');
    const Seq before = watcher_->upto();
    const Moment start = steady_clock::now();
    must(writer_->apply(Call::until(in(kWait)), volume_, Batch{{}, 0, {Step{publish, {}}}}));
    took.push_back(ms_since(start, watcher_->await(before)));
  }
  return took;
}

std::vector<double> Freshness::by_sql(std::size_t count) {
  std::vector<double> took;
  while (took.size() < count) {
    const std::string content = std::to_string(took.size()) + std::string(kPayloadBytes, 'a');
    const Seq before = watcher_->upto();
    const Moment start = steady_clock::now();
    must(sql_->run(kEdit, Params().bytes(content), in(kWait)));
    took.push_back(ms_since(start, watcher_->await(before)));
  }
  return took;
}

SqlEdit::SqlEdit(Site& site, std::size_t files) : sql_(site.sql()), files_(files) {
  site.volume("~ada/skills");
  must(sql_->run(kMakeMany, Params().int8(std::uint64_t{files_}), in(kLongWait)));
}

double SqlEdit::seconds() {
  const Moment start = steady_clock::now();
  must(sql_->run(kEditMany, Params().bytes(std::to_string(++round_)), in(kLongWait)));
  return ms_since(start, steady_clock::now()) / 1'000;
}

}  // namespace outboard::bench
